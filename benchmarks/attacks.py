"""How far attacks move features for their cost: mean movement by gradient evaluations, relative to the paper.

Every attack starts from the same random starts on the same images and features. A restart costs its own evaluations; a
row is counted whole, although one that can no longer change leaves early.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from machine import describe
from numpy.typing import NDArray
from problem import Problem, load

from feature_sensitivity.config.attack import Attack
from feature_sensitivity.config.measurement import ExtremaSettings
from feature_sensitivity.config.protocols import PROTOCOLS
from feature_sensitivity.evaluation.default_definition import max_abs_movement
from feature_sensitivity.evaluation.feature_extrema import measure_extrema
from feature_sensitivity.runtime.devices import best_device

STEPS = (5, 6, 7, 8, 10, 20, 50)


def attacks(epsilon: float) -> Iterator[tuple[str, Attack, int]]:
    """Yield a name, an attack and its number of starts, the paper's first."""
    for name, numbers in PROTOCOLS.items():
        section = {"norm": "linf", **numbers}
        yield name, Attack.from_config(section, str(epsilon)), numbers["restarts"]
    for n in (50, 100):
        yield "constant, 2.5 epsilon / steps", constant(epsilon, n), 1
    for n in STEPS:
        yield "cosine from 1.5 epsilon, momentum 0.5", annealed(epsilon, n, first=1.5, momentum=0.5), 1
    yield "cosine from 1 epsilon, momentum 0.75", annealed(epsilon, 100, first=1.0, momentum=0.75), 1


def constant(epsilon: float, steps: int) -> Attack:
    return Attack(norm="linf", epsilon=epsilon, steps=steps, step_size=2.5 * epsilon / steps)


def annealed(epsilon: float, steps: int, *, first: float, momentum: float) -> Attack:
    return Attack(
        norm="linf", epsilon=epsilon, steps=steps, step_size=first * epsilon, schedule="cosine", momentum=momentum
    )


def movement(problem: Problem, attack: Attack, restarts: int, features: NDArray[np.int64]) -> NDArray[np.floating]:
    """Return how far each image moves its features on average, [n_images]."""
    extrema = measure_extrema(
        network=problem.network,
        x=problem.x,
        image_index=problem.index,
        features=features,
        standardization=problem.standardization,
        settings=ExtremaSettings(attack=attack, restarts=restarts),
        device=best_device(),
    )
    return max_abs_movement(extrema.clean, extrema.maximum, extrema.minimum).mean(axis=1)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, nargs="+", required=True)
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--images", type=int, default=8)
    parser.add_argument("--features", type=int, default=32, help="random features of each network")
    parser.add_argument("--epsilons", type=float, nargs="+", default=[0.08, 0.2])
    arguments = parser.parse_args()

    print(f"{describe(best_device())}; {arguments.images} images, {arguments.features} features\n")
    rows: dict[tuple[str, int], list[str]] = {}
    columns = []
    for checkpoint in arguments.checkpoint:
        problem = load(checkpoint, arguments.dataset, arguments.images)
        order = np.random.default_rng(0).permutation(problem.n_features)
        features = np.sort(order[: arguments.features])
        for epsilon in arguments.epsilons:
            columns.append(f"{checkpoint.stem}, {epsilon:g}")
            paper = None
            for name, attack, restarts in attacks(epsilon):
                moved = movement(problem, attack, restarts, features)
                paper = moved if paper is None else paper
                rows.setdefault((name, attack.steps * restarts), []).append(f"{moved.mean() / paper.mean():.3f}")
    print("| attack | gradient evaluations |", " | ".join(columns), "|")
    print("|---|" + "---|" * (len(columns) + 1))
    for (name, cost), values in rows.items():
        print(f"| {name} | {cost} |", " | ".join(values), "|")


if __name__ == "__main__":
    main()
