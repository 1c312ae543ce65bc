"""The engine against foolbox's l_inf PGD, a plain PyTorch loop, Auto-PGD and, on a GPU, robustness.

Every side attacks the same (image, feature, direction) rows from the same starts until it moves features as far as
the paper's 20 steps do: the others in 20 steps, Auto-PGD in the fewest that reach it, the engine by the paper's
protocol, by ``fast``, whose steps suffice on every network that was tried, and by the fewest such steps that suffice on
this one. A side's time for the whole protocol is proportional to its time per row. Peers attack a
sample of the rows, since all their rows cost the same; the engine attacks all of them, since some finish early. The
peers have a process of their own (peers.py).
"""

import argparse
import multiprocessing
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import peers
import torch
from machine import describe, matrix_rate, seconds
from plain_attacks import Found, Rows, auto_pgd, projected
from problem import STEPS, Problem, by_protocol, load
from torch import Tensor

from feature_sensitivity.config.protocols import PROTOCOLS
from feature_sensitivity.evaluation.default_definition import max_abs_movement
from feature_sensitivity.evaluation.feature_extrema import FeatureExtrema, measure_extrema
from feature_sensitivity.evaluation.feature_rows import FeatureRows, FeatureTask
from feature_sensitivity.networks.build import build, with_sizes
from feature_sensitivity.networks.pass_cost import pass_cost
from feature_sensitivity.runtime.devices import best_device, default_rows

SIDES = {"paper": "`paper`", "fast": "`fast`", "fewest": "fewest steps"}
"""What the table calls the engine's sides."""


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

    def measure(epsilon: float, protocol: str, steps: int | None = None) -> FeatureExtrema:
        return measure_extrema(
            network=problem.network,
            x=x,
            image_index=index,
            features=np.arange(n_features),
            standardization=problem.standardization,
            settings=by_protocol(protocol, epsilon, steps=steps, search_dtype=arguments.search_dtype),
            device=device,
        )

    def moved(epsilon: float, protocol: str, steps: int | None = None) -> float:
        return movement(measure(epsilon, protocol, steps))

    def peer_seconds(name: str, epsilon: float, batch_size: int) -> float:
        rows = peers.sample_rows(x, index, n_features, epsilon, arguments.peer_rows)
        options = {"steps": auto_pgd_steps[epsilon]} if "Auto-PGD" in name else {}
        return others.submit(peers.seconds, name, rows, epsilon, batch_size, **options).result()

    auto_pgd_steps = {epsilon: steps_of_auto_pgd(problem, epsilon) for epsilon in arguments.epsilons}
    first, names = arguments.epsilons[0], peers.names(device)
    peer_seconds(names[0], first, min(sizes))
    chosen = {name: min(sizes, key=partial(peer_seconds, name, first)) for name in names}

    n_rows = 2 * len(index) * n_features
    print(f"{describe(device)}; width {problem.width}; {arguments.rounds} rounds, in each of which")
    print(f"every peer attacks {arguments.peer_rows} rows and the engine all {n_rows} of {len(index)} images")
    print()
    print("| epsilon | side | steps | batch | rows/s | engine, `paper` | engine, `fast` | engine, fewest steps |")
    print("|---|---|---|---|---|---|---|---|")
    notes = []
    for epsilon in arguments.epsilons:
        target = moved(epsilon, "paper")
        farther = moved(epsilon, "fast") / target
        steps = {"paper": STEPS, "fast": PROTOCOLS["fast"]["steps"]}
        steps["fewest"] = fewest_steps(partial(moved, epsilon, "fast"), target)
        engine = {
            side: partial(measure, epsilon, "paper" if side == "paper" else "fast", n) for side, n in steps.items()
        }
        rounds = []
        for _ in range(arguments.rounds):
            rates = {name: arguments.peer_rows / peer_seconds(name, epsilon, chosen[name]) for name in names}
            matrix = matrix_rate(device, getattr(torch, arguments.search_dtype))
            for side, run in engine.items():
                with Counter() as counter:
                    taken = seconds(run, device)
                rates[side] = n_rows / taken
                if side == "paper":
                    steps_taken = counter.steps + counter.forwards / 2
                    executed = executed_flop(counter, problem.width, x) / taken
            rounds.append((rates, executed, matrix))
        for name in (*names, *engine):
            rate = median(rates[name] for rates, _, _ in rounds)
            ratios = [spread([rates[side] / rates[name] for rates, _, _ in rounds]) for side in engine]
            taken_steps = auto_pgd_steps[epsilon] if "Auto-PGD" in name else steps.get(name, STEPS)
            shown = name if name in names else f"this engine, {SIDES[name]}"
            batch = chosen.get(name, default_rows(device))
            print(
                f"| {epsilon:g} | {shown} | {taken_steps} | {batch} | {rate:.1f} | {' | '.join(ratios)} |", flush=True
            )
        left = steps_taken / (n_rows * (STEPS + 0.5))
        executed, matrix = (median(values) for values in list(zip(*rounds, strict=True))[1:])
        notes.append(
            f"At {epsilon:g} `fast` moves features {farther:.3f} times as far as `paper`. Under "
            f"`paper`, dropping finished rows leaves {100 * left:.0f} % of the steps; the engine executes "
            f"{executed / 1e9:.0f} GFLOP/s, {100 * executed / matrix:.0f} % of the {matrix / 1e9:.0f} of a matrix "
            f"product in {arguments.search_dtype}."
        )
    print("\n" + "\n".join(notes))


def spread(ratios: list[float]) -> str:
    """Return the median with the lowest and the highest."""
    return f"{median(ratios):.2f}x ({min(ratios):.2f}-{max(ratios):.2f})"


def movement(extrema: FeatureExtrema) -> float:
    """Return the mean movement of all features."""
    return float(max_abs_movement(extrema.clean, extrema.maximum, extrema.minimum).mean())


def steps_of_auto_pgd(problem: Problem, epsilon: float) -> int:
    """Return the fewest steps in which Auto-PGD reaches the mean movement of the paper's, on a few rows."""
    few = replace(problem, x=problem.x[:4], index=problem.index[:4])
    rows = Rows(few, np.arange(0, problem.n_features, max(1, problem.n_features // 16)), epsilon)

    def moved(found: Found) -> float:
        return float(rows.movement(found[0]).mean())

    return fewest_steps(lambda n: moved(auto_pgd(rows, n)), moved(projected(rows, STEPS, step_size=1 / 8)))


def fewest_steps(moved: Callable[[int], float], target: float) -> int:
    """Return the fewest steps, of 4 to 20, that move features as far as the target; 20 if no fewer do."""
    return next((n for n in range(4, STEPS) if moved(n) >= target), STEPS)


def executed_flop(counter: Counter, width: int, x: Tensor) -> float:
    """Operations of the passes that were counted; the last convolution computes one channel only."""
    size = x.shape[-1]
    saved = 9 * 8 * width * (8 * width - 1) * (size // 8) ** 2
    network = build(with_sizes({"name": "resnet18"}, width=width, in_channels=x.shape[1], n_classes=10))
    return (pass_cost(network, x.shape[1:])["flop"] - 2 * saved) * (2 * counter.steps + counter.forwards)


if __name__ == "__main__":
    main()
