"""How far sensitivities per feature move when something changes that should not matter.

The reference is the engine in float32 on the CPU with its usual batch. Another seed of the random starts gives the
scale: a deviation below that one is less than what the protocol's single random start leaves open.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from machine import describe
from numpy.typing import NDArray
from problem import load

from feature_sensitivity.evaluation.sensitivity import DEFINITIONS
from feature_sensitivity.runtime.devices import best_device


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--checkpoint", type=Path, required=True)
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--features", type=int, help="features that are attacked (default: all)")
    parser.add_argument("--epsilons", type=float, nargs="+", default=[0.08, 0.2])
    arguments = parser.parse_args()

    device, cpu = best_device(), torch.device("cpu")
    problem = load(arguments.checkpoint, arguments.dataset, arguments.images)

    def sensitivity(epsilon: float, device: torch.device, **settings: object) -> NDArray[np.floating]:
        extrema = problem.measure(epsilon, device, features=arguments.features, **settings)  # type: ignore[arg-type]
        return DEFINITIONS["max_abs"](extrema.clean, extrema.maximum, extrema.minimum).mean(axis=0)

    changes: dict[str, tuple[torch.device, dict[str, object]]] = {
        "batch of 32 in place of 64": (cpu, {"batch_size": 32}),
        "search in bfloat16": (cpu, {"search_dtype": "bfloat16"}),
        "other random starts": (cpu, {"seed": 1}),
    }
    if device.type == "cuda":
        changes["GPU in place of CPU"] = (device, {})
        changes["GPU, search in bfloat16"] = (device, {"search_dtype": "bfloat16"})
    print(f"{describe(device)}; width {problem.width}, {arguments.images} images\n")
    print("| epsilon | what changes | mean over features | each feature, median | each feature, largest |")
    print("|---|---|---|---|---|")
    for epsilon in arguments.epsilons:
        reference = sensitivity(epsilon, cpu)
        for name, (where, settings) in changes.items():
            other = sensitivity(epsilon, where, **settings)
            mean = other.mean() / reference.mean() - 1
            moved = np.abs(other - reference) / reference.mean()
            print(f"| {epsilon:g} | {name} | {mean:+.1e} | {np.median(moved):.1e} | {moved.max():.1e} |", flush=True)


if __name__ == "__main__":
    main()
