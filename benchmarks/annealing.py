"""What decreasing steps change in adversarial training and in the construction of a robust dataset.

Training: robust accuracy, measured by ``strong``, and time by the attack of every batch. Construction: the distance
between representations that is left, by the number of steps.
"""

import argparse
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from time import perf_counter

import numpy as np
from machine import describe

from feature_sensitivity.config.attack import Attack
from feature_sensitivity.config.construction import ConstructionSettings
from feature_sensitivity.config.measurement import AccuracySettings
from feature_sensitivity.config.protocols import PROTOCOLS
from feature_sensitivity.config.training import TrainingSettings
from feature_sensitivity.data.dataset_file import read_split, read_standardization
from feature_sensitivity.data.split import Split
from feature_sensitivity.evaluation.accuracy import correct_under_attack
from feature_sensitivity.networks.checkpoints import load_checkpoint
from feature_sensitivity.networks.classifier import Classifier
from feature_sensitivity.networks.predictions import clean_accuracy
from feature_sensitivity.runtime.devices import best_device
from feature_sensitivity.training.construction import construct
from feature_sensitivity.training.train import train

EPSILON = 0.08


def training_attacks() -> Iterator[tuple[str, Attack]]:
    """Yield attacks for adversarial training, the paper's first."""
    paper = Attack(norm="linf", epsilon=EPSILON, steps=7, step_size=EPSILON * 5 / 14)
    yield "7 constant steps of 5/14 epsilon (paper)", paper
    for n in (2, 3, 4):
        yield f"{n} constant steps of 2.5 epsilon / {n}", replace(paper, steps=n, step_size=2.5 * EPSILON / n)
        decreasing = replace(paper, steps=n, step_size=1.5 * EPSILON, schedule="linear", momentum=0.5)
        yield f"{n} linear steps from 1.5 epsilon, momentum 0.5", decreasing


def robust_accuracy(network: Classifier, test: Split, dataset: Path) -> float:
    """Return the share of test images that withstand ``strong`` at every iterate."""
    section = {
        "norm": "linf",
        "epsilon_unit": "standardized",
        "iterate": "any",
        "clip_to_pixel_box": False,
        **PROTOCOLS["strong"],
    }
    settings = AccuracySettings.from_config(section, epsilon=str(EPSILON), seed=0)
    return float(
        correct_under_attack(
            network=network,
            split=test,
            image_index=np.arange(len(test.labels)),
            standardization=read_standardization(dataset),
            settings=settings,
            device=best_device(),
        ).mean()
    )


def compare_training(dataset: Path, *, width: int, epochs: int, seeds: int, test_images: int) -> None:
    split, test = read_split(dataset, "train"), read_split(dataset, "test")
    test = Split(test.images[:test_images], test.labels[:test_images])
    print(f"Adversarial training: width {width}, {epochs} epochs, {seeds} seeds, {len(test.labels)} test images\n")
    print("| attack of every batch | clean accuracy % | under `strong` % | time, of the paper's |\n|---|---|---|---|")
    paper = 0.0
    for name, attack in training_attacks():
        results = []
        for seed in range(seeds):
            settings = TrainingSettings(
                epochs=epochs,
                batch_size=64,
                learning_rate=0.01,
                momentum=0.9,
                weight_decay=5e-4,
                schedule="step",
                horizontal_flip=False,
                seed=seed,
                attack=attack,
            )
            with tempfile.TemporaryDirectory() as folder:
                began = perf_counter()
                network, _ = train(
                    architecture={"name": "resnet18", "in_channels": 3, "n_classes": 10, "width": width},
                    train_split=split,
                    test_split=Split(test.images[:1], test.labels[:1]),
                    standardization=read_standardization(dataset),
                    settings=settings,
                    device=best_device(),
                    partial_result=Path(folder) / "partial.pt",
                )
                seconds = perf_counter() - began
            clean = clean_accuracy(network, test, read_standardization(dataset), device=best_device())
            results.append((100 * clean, 100 * robust_accuracy(network, test, dataset), seconds))
        clean, robust, seconds = np.array(results).T
        paper = paper or seconds.mean()
        print(f"| {name} | {shown(clean)} | {shown(robust)} | {seconds.mean() / paper:.2f} |", flush=True)


def shown(values: np.ndarray) -> str:
    """Return a mean with its standard deviation."""
    return f"{values.mean():.1f} ± {values.std(ddof=1):.1f}" if len(values) > 1 else f"{values[0]:.1f}"


def compare_construction(dataset: Path, teacher: Path, *, images: int, step_size: float) -> None:
    model, whole = load_checkpoint(teacher), read_split(dataset, "train")
    split = Split(whole.images[:images], whole.labels[:images])
    print(f"\nConstruction: {images} images; representation distance left, % of the first\n")
    print(f"| steps | constant {step_size:g} | linear from {3 * step_size:g}, momentum 0.5 | cosine from the same |")
    print("|---|---|---|---|")
    for steps in (10, 20, 50, 100, 200):
        cells = []
        for schedule, momentum, first in (("constant", 0.0, 1), ("linear", 0.5, 3), ("cosine", 0.5, 3)):
            settings = ConstructionSettings(
                steps=steps,
                step_size=first * step_size,
                schedule=schedule,
                momentum=momentum,
                tolerance=None,
                batch_size=min(64, images),
                seed=0,
            )
            with tempfile.TemporaryDirectory() as folder:
                made = construct(
                    teacher=model.network,
                    split=split,
                    index=np.arange(images),
                    standardization=model.standardization,
                    settings=settings,
                    device=best_device(),
                    unfinished_folder=Path(folder),
                )
            cells.append(f"{100 * made.details['relative_distance'].mean():.2f}")
        print(f"| {steps} | {' | '.join(cells)} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", type=Path, required=True)
    parser.add_argument("--teacher", type=Path, required=True, help="checkpoint from which images are constructed")
    parser.add_argument("--width", type=int, default=8)
    parser.add_argument("--epochs", type=int, default=12)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--test-images", type=int, default=360)
    parser.add_argument("--images", type=int, default=64, help="images of the construction")
    parser.add_argument(
        "--step-size", type=float, default=0.5, help="l2 length of the constant steps, pixels in [0, 1]"
    )
    arguments = parser.parse_args()

    print(describe(best_device()) + "\n")
    compare_construction(arguments.dataset, arguments.teacher, images=arguments.images, step_size=arguments.step_size)
    compare_training(
        arguments.dataset,
        width=arguments.width,
        epochs=arguments.epochs,
        seeds=arguments.seeds,
        test_images=arguments.test_images,
    )


if __name__ == "__main__":
    main()
