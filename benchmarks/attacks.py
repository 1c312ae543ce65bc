"""How far attacks move features for their cost: mean movement by gradient evaluations, relative to the paper's.

Every attack starts from the same random starts on the same images and features. A restart costs its own evaluations; a
row is counted whole, although one that can no longer change leaves early.
"""

import argparse
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
from candidates import Found, Rows, adam, auto_pgd, better_of, conjugate, frank_wolfe, projected, restarted
from machine import describe
from problem import load

from feature_sensitivity.config.protocols import PROTOCOLS
from feature_sensitivity.config.units import step_length
from feature_sensitivity.runtime.devices import best_device

Attack = Callable[..., Found]

STEPS = (3, 4, 5, 6, 7, 8, 10, 20, 50, 100, 300)


def protocol(name: str) -> Attack:
    """Return an attack by the name under which the config offers it."""
    numbers = PROTOCOLS[name]
    one = partial(
        projected,
        steps=numbers["steps"],
        first=step_length(numbers["relative_step_size"], 1),
        schedule=numbers["schedule"],
        momentum=numbers["momentum"],
        surrogate_steps=numbers["surrogate_steps"],
    )
    return lambda rows: restarted(one, rows, numbers["restarts"])


def curves() -> Mapping[str, Callable[[int], Attack]]:
    """Return families of attacks with any number of steps, by name."""
    linear = partial(projected, first=1.5, momentum=0.5, schedule="linear")
    cosine = partial(projected, first=1.5, momentum=0.5, schedule="cosine")
    return {
        "constant, 2.5 epsilon / steps": lambda n: partial(projected, steps=n, first=2.5 / n),
        "linear from 1.5, momentum 0.5, 1 surrogate step": lambda n: partial(linear, steps=n, surrogate_steps=1),
        "linear from 1.5, momentum 0.5, 2 surrogate steps": lambda n: partial(linear, steps=n, surrogate_steps=2),
        "linear from 1.5, momentum 0.5": lambda n: partial(linear, steps=n),
        "cosine from 1.5, momentum 0.5": lambda n: partial(cosine, steps=n),
        "Auto-PGD": lambda n: partial(auto_pgd, steps=n),
    }


def candidates(n: int) -> Iterator[tuple[str, Attack]]:
    """Yield what else was tried with ``n`` gradient evaluations."""
    for first in (1.0, 2.0):
        yield f"linear from {first:g}, momentum 0.5, 1 surrogate step", partial(decreasing, n=n, first=first)
    for momentum in (0.0, 0.25, 0.75):
        yield (
            f"linear from 1.5, momentum {momentum:g}, 1 surrogate step",
            partial(decreasing, n=n, momentum=momentum),
        )
    yield "cosine from 1.5, momentum 0.5, 1 surrogate step", partial(decreasing, n=n, schedule="cosine")
    yield "cosine from 1, momentum 0.75", partial(projected, steps=n, first=1.0, momentum=0.75, schedule="cosine")
    yield (
        "cosine from 1.5, momentum 0.5, Nesterov",
        partial(projected, steps=n, first=1.5, momentum=0.5, schedule="cosine", nesterov=True),
    )
    yield "linear from 1.5, momentum 0.5, 1 surrogate step, from the clean image", partial(from_clean, n=n)
    yield (
        "Frank-Wolfe, momentum 0.75, 1 surrogate step",
        partial(frank_wolfe, steps=n, momentum=0.75, surrogate_steps=1),
    )
    yield "Frank-Wolfe, momentum 0.75", partial(frank_wolfe, steps=n, momentum=0.75)
    yield "conjugate gradients", partial(conjugate, steps=n, first=1.0)
    yield "Adam", partial(adam, steps=n, first=1.0)
    yield "linear from 1.5, momentum 0.5, 1 surrogate step, harvest", partial(harvest, n=n)
    if n >= 100:
        yield "linear from 1.5, momentum 0.5, 1 surrogate step, best of 3 starts", partial(starts, n=n // 3)
        yield "halving: of 12 starts of n/60 steps the best goes on", partial(halving, n=n)
        yield "a third of the steps, harvest, the rest from there", partial(continued, n=n)
        yield "half of the steps in half the ball, the rest from twice that point", partial(warm, n=n)


def decreasing(rows: Rows, n: int, **changes: object) -> Found:
    chosen = {"first": 1.5, "momentum": 0.5, "schedule": "linear", "surrogate_steps": 1, **changes}
    return projected(rows, n, **chosen)  # type: ignore[arg-type]


def from_clean(rows: Rows, n: int) -> Found:
    return decreasing(rows, n, start=0 * rows.x)


def harvest(rows: Rows, n: int) -> Found:
    """Take the best of all points found for other features of the same image."""
    best, points = decreasing(rows, n)
    return rows.harvested(points, best)


def starts(rows: Rows, n: int) -> Found:
    return restarted(partial(decreasing, n=n), rows, 3)


def halving(rows: Rows, n: int) -> Found:
    short = max(n // 60, 2)
    best, points = restarted(partial(decreasing, n=short), rows, 12)
    return better_of((best, points), decreasing(rows, n - 12 * short, first=1.0, surrogate_steps=0, start=points))


def continued(rows: Rows, n: int) -> Found:
    best, points = harvest(rows, n // 3)
    return better_of((best, points), decreasing(rows, n - n // 3, first=0.5, surrogate_steps=0, start=points))


def warm(rows: Rows, n: int) -> Found:
    whole, rows.epsilon = rows.epsilon, rows.epsilon / 2
    _, points = decreasing(rows, n // 2)
    rows.epsilon = whole
    return decreasing(rows, n - n // 2, first=0.5, surrogate_steps=0, start=2 * points)


def measured(rows: Rows, steps: Sequence[int], candidate_steps: Sequence[int]) -> Iterator[tuple[str, float, float]]:
    """Yield the name, the gradient evaluations and the mean movement of every attack."""

    def one(name: str, attack: Attack) -> tuple[str, float, float]:
        before = rows.evaluations
        best, _ = attack(rows)
        return name, rows.evaluations - before, float(rows.movement(best).mean())

    for name in PROTOCOLS:
        yield one(f"`{name}`", protocol(name))
    for n in steps:
        for name, family in curves().items():
            yield one(name, family(n))
    for n in candidate_steps:
        for name, attack in candidates(n):
            yield one(name, attack)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, nargs="+", required=True)
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--images", type=int, default=8)
    parser.add_argument("--features", type=int, default=32, help="random features of each network")
    parser.add_argument("--epsilons", type=float, nargs="+", default=[0.08, 0.2])
    parser.add_argument("--steps", type=int, nargs="+", default=STEPS, help="of the attacks that are compared at all")
    parser.add_argument("--candidates", type=int, nargs="*", default=(7, 100), help="steps at which others are, too")
    parser.add_argument("--csv", type=Path, help="to which the numbers are added")
    arguments = parser.parse_args()

    print(f"{describe(best_device())}; {arguments.images} images, {arguments.features} features\n")
    found = []
    for checkpoint in arguments.checkpoint:
        problem = load(checkpoint, arguments.dataset, arguments.images)
        order = np.random.default_rng(0).permutation(problem.n_features)
        for epsilon in arguments.epsilons:
            rows = Rows(problem, np.sort(order[: arguments.features]), epsilon)
            column = f"{arguments.dataset.stem} {checkpoint.stem}, width {problem.width}, {epsilon:g}"
            numbers = pd.DataFrame(
                measured(rows, arguments.steps, arguments.candidates), columns=["attack", "evaluations", "movement"]
            )
            numbers["relative"] = numbers.movement / numbers.movement[0]
            found.append(numbers.assign(network=column))
            if arguments.csv:
                found[-1].to_csv(arguments.csv, mode="a", header=not arguments.csv.exists(), index=False)
    table = pd.concat(found)
    wide = table.pivot_table(index=["evaluations", "attack"], columns="network", values="relative", sort=False)
    wide.insert(0, "least", wide.min(axis=1))
    shown = wide.sort_values(["evaluations", "least"], ascending=[True, False]).reset_index()
    print(shown.astype({"evaluations": int}).to_markdown(index=False, floatfmt=".3f"))


if __name__ == "__main__":
    main()
