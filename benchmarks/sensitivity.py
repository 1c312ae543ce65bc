"""The engine against foolbox's l_inf PGD and against a plain PyTorch loop, on the paper's protocol.

Every side attacks the same (image, feature, direction) rows from the same starts with 20 steps; a side's time for the
whole protocol is proportional to its time per row. Peers attack a sample of the rows, since all their rows cost the
same; the engine attacks all of them, since some finish early.
"""

import argparse
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median

import eagerpy as ep
import foolbox as fb
import numpy as np
import torch
from foolbox.attacks import LinfProjectedGradientDescentAttack
from machine import describe, matrix_rate, synchronize
from torch import Tensor, nn

from feature_sensitivity import extremes as engine
from feature_sensitivity.attacks import PGD
from feature_sensitivity.costs import forward_macs
from feature_sensitivity.datasets import random_test_images, read_split, standardize
from feature_sensitivity.devices import best_device
from feature_sensitivity.extremes import ExtremesSettings, measure_extremes
from feature_sensitivity.models import Classifier, load_checkpoint
from feature_sensitivity.random_starts import random_start

STEPS = 20


@dataclass
class Rows:
    """Rows to attack: inputs [n, ...], starts, features [n] and signs [n] (+1 maximizes)."""

    x: Tensor
    start: Tensor
    feature: Tensor
    sign: Tensor

    def split(self, size: int) -> Iterator["Rows"]:
        """The rows in batches."""
        for first in range(0, len(self.feature), size):
            yield Rows(*(t[first : first + size] for t in (self.x, self.start, self.feature, self.sign)))


def sample_rows(x: Tensor, index: np.ndarray, n_features: int, epsilon: float, n: int) -> Rows:
    """``n`` random rows of the protocol, with the engine's own starts."""
    rng = np.random.default_rng(0)
    image = rng.integers(0, len(x), n)
    feature, direction = rng.integers(0, n_features, n), rng.integers(0, 2, n)
    names = {"image": index[image], "feature": feature, "direction": direction, "restart": np.zeros(n, np.int64)}
    start = random_start(
        seed=0,
        **{name: torch.from_numpy(values).to(x.device) for name, values in names.items()},
        shape=x.shape[1:],
        epsilon=epsilon,
        norm="linf",
    )
    signs = torch.from_numpy(1.0 - 2.0 * direction).float().to(x.device)
    return Rows(x[torch.from_numpy(image).to(x.device)], start, torch.from_numpy(feature).to(x.device), signs)


class Features(nn.Module):
    """A network whose output are its penultimate features, for foolbox."""

    def __init__(self, network: Classifier) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Tensor:
        return self.network.features(x)


class FeatureAttack(LinfProjectedGradientDescentAttack):
    """foolbox's attack with a feature as its objective and a given start."""

    def __init__(self, rows: Rows, **options: float) -> None:
        super().__init__(random_start=True, **options)
        self.rows = rows

    def get_loss_fn(self, model: fb.Model, labels: ep.Tensor) -> Callable[[ep.Tensor], ep.Tensor]:
        def loss(inputs: ep.Tensor) -> ep.Tensor:
            features = model(inputs).raw
            chosen = features[torch.arange(len(features), device=features.device), self.rows.feature]
            return ep.astensor((self.rows.sign * chosen).sum())

        return loss

    def get_random_start(self, x0: ep.Tensor, epsilon: float) -> ep.Tensor:
        return x0 + ep.astensor(self.rows.start)


def attack_with_foolbox(network: Classifier, rows: Rows, epsilon: float) -> None:
    model = fb.PyTorchModel(Features(network).eval(), bounds=(-10, 10), device=rows.x.device)
    attack = FeatureAttack(rows, abs_stepsize=epsilon / 8, steps=STEPS)
    labels = torch.zeros(len(rows.x), dtype=torch.int64, device=rows.x.device)
    attack.run(model, rows.x, fb.criteria.Misclassification(labels), epsilon=epsilon)


def attack_plainly(network: Classifier, rows: Rows, epsilon: float) -> None:
    """The loop that one would write by hand."""
    d, index = rows.start, torch.arange(len(rows.x), device=rows.x.device)
    for _ in range(STEPS):
        point = (rows.x + d).requires_grad_()
        values = rows.sign * network.features(point)[index, rows.feature]
        (gradient,) = torch.autograd.grad(values.sum(), point)
        d = (d + epsilon / 8 * gradient.sign()).clamp(-epsilon, epsilon)


def seconds(work: Callable[[], object], device: torch.device) -> float:
    synchronize(device)
    started = time.perf_counter()
    work()
    synchronize(device)
    return time.perf_counter() - started


class Counter:
    """Counts the passes of the engine."""

    def __init__(self) -> None:
        self.steps = self.forwards = 0
        self._advance, self._evaluate = engine._Batch.advance, engine._LastIterates.evaluate

    def __enter__(self) -> "Counter":
        def advance(batch: engine._Batch, problem: engine._Problem) -> None:
            self.steps += problem.batch_size
            self._advance(batch, problem)

        def evaluate(last: engine._LastIterates, *, at_least: int) -> Iterator[engine.Finished]:
            for finished in self._evaluate(last, at_least=at_least):
                self.forwards += last._problem.batch_size
                yield finished

        engine._Batch.advance, engine._LastIterates.evaluate = advance, evaluate  # type: ignore[method-assign]
        return self

    def __exit__(self, *error: object) -> None:
        engine._Batch.advance, engine._LastIterates.evaluate = self._advance, self._evaluate  # type: ignore[method-assign]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--images", type=int, default=4, help="images that the engine attacks in each round")
    parser.add_argument("--features", type=int, help="features that the engine attacks (default: all)")
    parser.add_argument("--peer-rows", type=int, default=256, help="rows that each peer attacks in each round")
    parser.add_argument("--rounds", type=int, default=3, help="times that the sides take turns; medians are shown")
    parser.add_argument("--epsilons", type=float, nargs="+", default=[0.08, 0.2])
    parser.add_argument("--batch-sizes", type=int, nargs="+", default=[32, 64, 128, 256])
    arguments = parser.parse_args()

    device = best_device()
    network, metadata = load_checkpoint(arguments.checkpoint)
    split = read_split(arguments.dataset, "test")
    index = random_test_images(len(split.labels), arguments.images, 0, "--images")
    x = standardize(torch.from_numpy(split.images[index]), metadata["mean"], metadata["std"]).to(device)
    n_features = min(arguments.features or network.fc.in_features, network.fc.in_features)
    architecture = metadata["architecture"]
    network = network.to(device)
    unfrozen = network.requires_grad_(True)
    sizes = tuple(arguments.batch_sizes)

    def measure(epsilon: float, batch_size: int, images: slice = slice(None)) -> None:
        attack = PGD(norm="linf", epsilon=epsilon, steps=STEPS, step_size=epsilon / 8)
        measure_extremes(
            network=unfrozen,
            x=x[images],
            image_index=index[images],
            features=np.arange(n_features),
            mean=metadata["mean"],
            std=metadata["std"],
            settings=ExtremesSettings(attack=attack, batch_size=batch_size),
            device=device,
        )

    peers = {
        "foolbox, as documented": (attack_with_foolbox, True),
        "foolbox, parameters frozen": (attack_with_foolbox, False),
        "plain loop, parameters frozen": (attack_plainly, False),
    }

    def peer_seconds(name: str, epsilon: float, batch_size: int) -> float:
        attack, with_weight_gradients = peers[name]
        unfrozen.requires_grad_(with_weight_gradients)
        rows = sample_rows(x, index, n_features, epsilon, arguments.peer_rows)
        batches = list(rows.split(batch_size))
        taken = seconds(lambda: [attack(unfrozen, batch, epsilon) for batch in batches], device)
        unfrozen.requires_grad_(True)
        return taken

    first = arguments.epsilons[0]
    chosen = {name: min(sizes, key=partial(peer_seconds, name, first)) for name in peers}
    chosen["this engine"] = min(sizes, key=lambda size: seconds(partial(measure, first, size, slice(0, 1)), device))

    n_rows = 2 * len(index) * n_features
    print(
        f"{describe(device)}; width {architecture['width']}, {STEPS} steps; {arguments.rounds} rounds, in each of which"
    )
    print(f"every peer attacks {arguments.peer_rows} rows and the engine all {n_rows} of {len(index)} images")
    print()
    print("| epsilon | side | batch | rows/s | image-steps/s | engine's time is less by |")
    print("|---|---|---|---|---|---|")
    notes = []
    for epsilon in arguments.epsilons:
        rounds = []
        for _ in range(arguments.rounds):
            rates = {name: arguments.peer_rows / peer_seconds(name, epsilon, chosen[name]) for name in peers}
            matrix = matrix_rate(device)
            with Counter() as counter:
                taken = seconds(partial(measure, epsilon, chosen["this engine"]), device)
            rates["this engine"] = n_rows / taken
            rounds.append((rates, executed_flop(counter, architecture["width"], x) / taken, matrix))
        for name in (*peers, "this engine"):
            rate = median(rates[name] for rates, _, _ in rounds)
            ratio = median(rates["this engine"] / rates[name] for rates, _, _ in rounds)
            shown = f"{ratio:.2f}x" if name in peers else ""
            print(f"| {epsilon:g} | {name} | {chosen[name]} | {rate:.1f} | {STEPS * rate:.0f} | {shown} |", flush=True)
        left = (counter.steps + counter.forwards / 2) / (n_rows * (STEPS + 0.5))
        executed, matrix = (median(values) for values in list(zip(*rounds, strict=True))[1:])
        share = median(executed / matrix for _, executed, matrix in rounds)
        notes.append(
            f"At {epsilon:g} dropping finished rows leaves {100 * left:.0f} % of the steps; the engine executes "
            f"{executed / 1e9:.0f} GFLOP/s, {100 * share:.0f} % of a float32 matrix product's {matrix / 1e9:.0f}."
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
