"""The engine against foolbox's l_inf PGD, a plain PyTorch loop and, on a GPU, robustness, on the paper's protocol.

Every side attacks the same (image, feature, direction) rows from the same starts with 20 steps; a side's time for the
whole protocol is proportional to its time per row. Peers attack a sample of the rows, since all their rows cost the
same; the engine attacks all of them, since some finish early. The peers have a process of their own (peers.py).
"""

import argparse
import multiprocessing
import threading
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from statistics import median

import peers
import torch
from machine import describe, matrix_rate, seconds
from problem import STEPS, load
from torch import Tensor

from feature_sensitivity.config.costs import forward_macs
from feature_sensitivity.evaluation.feature_extrema import BATCH_SIZES
from feature_sensitivity.evaluation.feature_rows import FeatureRows, FeatureTask
from feature_sensitivity.runtime.devices import best_device


class Counter:
    """Counts the passes of the engine."""

    def __init__(self) -> None:
        self.steps = self.forwards = 0
        self._lock = threading.Lock()
        self._advance, self._evaluate = FeatureTask.advance, FeatureTask.evaluate

    def __enter__(self) -> "Counter":
        def advance(task: FeatureTask, states: FeatureRows) -> None:
            with self._lock:
                self.steps += len(states.step)
            self._advance(task, states)

        def evaluate(task: FeatureTask, states: FeatureRows) -> None:
            with self._lock:
                self.forwards += len(states.step)
            self._evaluate(task, states)

        FeatureTask.advance, FeatureTask.evaluate = advance, evaluate  # type: ignore[method-assign]
        return self

    def __exit__(self, *error: object) -> None:
        FeatureTask.advance, FeatureTask.evaluate = self._advance, self._evaluate  # type: ignore[method-assign]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--images", type=int, default=16, help="images that the engine attacks in each round")
    parser.add_argument("--features", type=int, help="features that the engine attacks (default: all)")
    parser.add_argument("--peer-rows", type=int, default=256, help="rows that each peer attacks in each round")
    parser.add_argument("--rounds", type=int, default=3, help="times that the sides take turns; medians are shown")
    parser.add_argument("--epsilons", type=float, nargs="+", default=[0.08, 0.2])
    parser.add_argument("--search-dtype", choices=("float32", "bfloat16"), default="float32", help="of the engine")
    parser.add_argument(
        "--batch-sizes", type=int, nargs="+", default=[32, 64, 128], help="of which a peer takes its best"
    )
    arguments = parser.parse_args()

    device = best_device()
    problem = load(arguments.checkpoint, arguments.dataset, arguments.images)
    x, index = problem.x, problem.index
    n_features = min(arguments.features or problem.n_features, problem.n_features)
    sizes = tuple(arguments.batch_sizes)
    others = ProcessPoolExecutor(
        max_workers=1,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=peers.load,
        initargs=(problem.network.state_dict(), str(device)),
    )

    def measure(epsilon: float, batch_size: int, images: int | None = None) -> None:
        problem.measure(
            epsilon,
            device,
            images=images,
            features=n_features,
            batch_size=batch_size,
            search_dtype=arguments.search_dtype,
        )

    def peer_seconds(name: str, epsilon: float, batch_size: int) -> float:
        rows = peers.sample_rows(x, index, n_features, epsilon, arguments.peer_rows)
        return others.submit(peers.seconds, name, rows, epsilon, batch_size).result()

    first, names = arguments.epsilons[0], peers.names(device)
    peer_seconds(names[0], first, min(sizes))
    chosen = {name: min(sizes, key=partial(peer_seconds, name, first)) for name in names}
    chosen["this engine"] = BATCH_SIZES[device.type]

    n_rows = 2 * len(index) * n_features
    print(f"{describe(device)}; width {problem.width}, {STEPS} steps; {arguments.rounds} rounds, in each of which")
    print(f"every peer attacks {arguments.peer_rows} rows and the engine all {n_rows} of {len(index)} images")
    print()
    print("| epsilon | side | batch | rows/s | image-steps/s | engine's time is less by |")
    print("|---|---|---|---|---|---|")
    notes = []
    for epsilon in arguments.epsilons:
        rounds = []
        for _ in range(arguments.rounds):
            rates = {name: arguments.peer_rows / peer_seconds(name, epsilon, chosen[name]) for name in names}
            matrix = matrix_rate(device, getattr(torch, arguments.search_dtype))
            with Counter() as counter:
                taken = seconds(partial(measure, epsilon, chosen["this engine"]), device)
            rates["this engine"] = n_rows / taken
            rounds.append((rates, executed_flop(counter, problem.width, x) / taken, matrix))
        for name in (*names, "this engine"):
            rate = median(rates[name] for rates, _, _ in rounds)
            ratio = median(rates["this engine"] / rates[name] for rates, _, _ in rounds)
            shown = f"{ratio:.2f}x" if name in names else ""
            print(f"| {epsilon:g} | {name} | {chosen[name]} | {rate:.1f} | {STEPS * rate:.0f} | {shown} |", flush=True)
        left = (counter.steps + counter.forwards / 2) / (n_rows * (STEPS + 0.5))
        executed, matrix = (median(values) for values in list(zip(*rounds, strict=True))[1:])
        share = median(executed / matrix for _, executed, matrix in rounds)
        notes.append(
            f"At {epsilon:g} dropping finished rows leaves {100 * left:.0f} % of the steps; the engine executes "
            f"{executed / 1e9:.0f} GFLOP/s, {100 * share:.0f} % of the {matrix / 1e9:.0f} of a matrix product in "
            f"{arguments.search_dtype}."
        )
    print("\n" + "\n".join(notes))


def executed_flop(counter: Counter, width: int, x: Tensor) -> float:
    """Operations of the passes that were counted; the last convolution computes one channel only."""
    size = x.shape[-1]
    saved = 9 * 8 * width * (8 * width - 1) * (size // 8) ** 2
    macs = forward_macs(width=width, size=size, in_channels=x.shape[1]) - saved
    return 2 * macs * (2 * counter.steps + counter.forwards)


if __name__ == "__main__":
    main()
