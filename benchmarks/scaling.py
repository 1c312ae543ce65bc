"""How the engine's cost grows with images, features and steps: time per unit, relative to the largest case."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from statistics import median

from machine import describe, seconds
from problem import load

from feature_sensitivity.runtime.devices import best_device


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--epsilon", type=float, default=0.08)
    parser.add_argument("--images", type=int, nargs="+", default=[8, 16, 32])
    parser.add_argument("--features", type=int, nargs="+", default=[32, 64, 128])
    parser.add_argument("--steps", type=int, nargs="+", default=[10, 20, 40])
    parser.add_argument("--rounds", type=int, default=3, help="times that the cases take turns; medians are shown")
    arguments = parser.parse_args()

    device = best_device()
    problem = load(arguments.checkpoint, arguments.dataset, max(arguments.images))
    chosen: dict[str, Sequence[int]] = {name: getattr(arguments, name) for name in ("images", "features", "steps")}
    middle = {name: sorted(values)[len(values) // 2] for name, values in chosen.items()}
    cases = [(name, value, {**middle, name: value}) for name, values in chosen.items() for value in values]

    def seconds_of(case: dict[str, int]) -> float:
        return seconds(lambda: problem.measure(arguments.epsilon, device, **case), device)  # type: ignore[arg-type]

    seconds_of(middle)
    taken = [[seconds_of(case) for _, _, case in cases] for _ in range(arguments.rounds)]
    per_unit = [median(times) / value for times, (_, value, _) in zip(zip(*taken, strict=True), cases, strict=True)]
    print(f"{describe(device)}; width {problem.width}, epsilon {arguments.epsilon:g};")
    print(f"medians of {arguments.rounds} rounds; what is not varied: {middle}\n")
    print("| varied | value | time per unit, relative to the last |\n|---|---|---|")
    for (name, value, _), cost in zip(cases, per_unit, strict=True):
        last = max(i for i, case in enumerate(cases) if case[0] == name)
        print(f"| {name} | {value} | {cost / per_unit[last]:.2f} |")


if __name__ == "__main__":
    main()
