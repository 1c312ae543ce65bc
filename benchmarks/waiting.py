"""How OpenMP's waiting threads change the speed of jobs, on a quiet machine and beside another busy process.

Idle threads of OpenMP wait at full speed by default; with OMP_WAIT_POLICY=passive they give their core back. Each
measurement is a process of its own, since the policy is read when the library is loaded.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter

import numpy as np
from machine import describe

from feature_sensitivity.config.attack import Attack
from feature_sensitivity.config.construction import ConstructionSettings
from feature_sensitivity.config.measurement import AccuracySettings
from feature_sensitivity.config.protocols import PROTOCOLS
from feature_sensitivity.config.training import TrainingSettings
from feature_sensitivity.data.split import Split
from feature_sensitivity.data.standardization import Standardization
from feature_sensitivity.evaluation.accuracy import correct_under_attack
from feature_sensitivity.networks.build import build
from feature_sensitivity.runtime.devices import best_device
from feature_sensitivity.training.construction import construct
from feature_sensitivity.training.train import train

STANDARDIZATION = Standardization((0.5,) * 3, (0.25,) * 3)
POLICIES = {"default": {}, "passive": {"OMP_WAIT_POLICY": "passive"}}
BUSY = [sys.executable, "-c", "while True: pass"]


def random_images(n: int) -> Split:
    chance = np.random.default_rng(0)
    return Split(chance.integers(0, 256, (n, 3, 32, 32), np.uint8), chance.integers(0, 10, n))


def train_once(architecture: dict[str, object], folder: Path) -> int:
    n, attack = 1280, Attack(norm="linf", epsilon=0.08, steps=2, step_size=0.12)
    train(
        architecture=architecture,
        train_split=random_images(n),
        test_split=random_images(1),
        standardization=STANDARDIZATION,
        settings=TrainingSettings(
            epochs=1,
            batch_size=128,
            learning_rate=0.01,
            momentum=0.9,
            weight_decay=0,
            schedule="constant",
            horizontal_flip=True,
            seed=0,
            attack=attack,
        ),
        device=best_device(),
        partial_result=folder / "partial.pt",
    )
    return n


def attack_once(architecture: dict[str, object], folder: Path) -> int:
    n = 256
    section = {"norm": "linf", "epsilon_unit": "standardized", "iterate": "last", "clip_to_pixel_box": False}
    correct_under_attack(
        network=build(architecture),
        split=random_images(n),
        image_index=np.arange(n),
        standardization=STANDARDIZATION,
        settings=AccuracySettings.from_config({**section, **PROTOCOLS["paper"]}, epsilon="0.08", seed=0),
        device=best_device(),
    )
    return n


def construct_once(architecture: dict[str, object], folder: Path) -> int:
    n = 256
    construct(
        teacher=build(architecture),
        split=random_images(n),
        index=np.arange(n),
        standardization=STANDARDIZATION,
        settings=ConstructionSettings(
            steps=20, step_size=1.5, schedule="linear", momentum=0.5, tolerance=None, batch_size=128, seed=0
        ),
        device=best_device(),
        unfinished_folder=folder,
    )
    return n


WORK = {"adversarial training": train_once, "accuracy": attack_once, "construction": construct_once}


def rate(work: str, width: int, policy: str) -> float:
    """Images per second of a process of its own."""
    free = {name: value for name, value in os.environ.items() if name not in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")}
    command = [sys.executable, __file__, "--width", str(width), "--once", work]
    done = subprocess.run(command, env={**free, **POLICIES[policy]}, stdout=subprocess.PIPE, text=True, check=True)
    return float(done.stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--once", choices=WORK, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.once:
        architecture = {"name": "resnet18", "in_channels": 3, "n_classes": 10, "width": arguments.width}
        with tempfile.TemporaryDirectory() as folder:
            WORK[arguments.once](architecture, Path(folder))  # memory is allocated, kernels are chosen
        with tempfile.TemporaryDirectory() as folder:
            began = perf_counter()
            n = WORK[arguments.once](architecture, Path(folder))
            print(n / (perf_counter() - began))
        return
    print(f"{describe(best_device())}; ResNet18 of width {arguments.width}; medians of {arguments.rounds} rounds\n")
    print("| work | other processes | default, images/s | passive, images/s | ratio |\n|---|---|---|---|---|")
    for work in WORK:
        for others in (0, 1):
            busy = [subprocess.Popen(BUSY) for _ in range(others)]
            try:
                rounds = [
                    {policy: rate(work, arguments.width, policy) for policy in POLICIES}
                    for _ in range(arguments.rounds)
                ]
            finally:
                for process in busy:
                    process.kill()
            default, passive = (median(rates[policy] for rates in rounds) for policy in POLICIES)
            ratios = sorted(rates["passive"] / rates["default"] for rates in rounds)
            spread = f"{median(ratios):.2f} ({ratios[0]:.2f}-{ratios[-1]:.2f})"
            print(f"| {work} | {others} | {default:.1f} | {passive:.1f} | {spread} |", flush=True)


if __name__ == "__main__":
    main()
