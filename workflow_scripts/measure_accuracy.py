"""Measure a model's accuracy without attack and under PGD at every epsilon."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from feature_sensitivity.accuracy import correct_under_attack
from feature_sensitivity.attacks import PGD
from feature_sensitivity.console import job, logger
from feature_sensitivity.datasets import random_test_images, read_split
from feature_sensitivity.devices import best_device, device_name
from feature_sensitivity.files import whole_file
from feature_sensitivity.models import load_checkpoint
from feature_sensitivity.statistics import wilson_interval
from feature_sensitivity.units import epsilon_255, step_length


def main(snakemake: Any) -> None:
    """Unpack the rule."""
    settings, seed, model = snakemake.params.settings, snakemake.params.seed, snakemake.wildcards.model
    with job(Path(snakemake.log[0]), f"measure_accuracy {model}"):
        device = best_device()
        logger.info("on %s", device_name(device))
        network, metadata = load_checkpoint(Path(snakemake.input.model))
        split = read_split(Path(snakemake.input.evaluation), "test")
        chosen = random_test_images(len(split.labels), settings["images"] or len(split.labels), seed, "accuracy.images")
        rows = []
        for epsilon in ["0", *snakemake.params.epsilons]:
            attack = PGD(
                norm=settings["norm"],
                epsilon=float(epsilon),
                steps=settings["steps"],
                step_size=step_length(settings["relative_step_size"], epsilon),
            )
            correct = correct_under_attack(
                network=network,
                images=split.images[chosen],
                labels=split.labels[chosen],
                image_index=chosen,
                mean=metadata["mean"],
                std=metadata["std"],
                attack=attack,
                iterate=settings["iterate"],
                restarts=settings["restarts"],
                clip_to_pixel_box=settings["clip_to_pixel_box"],
                seed=seed,
                device=device,
            )
            n_correct = int(np.sum(correct))
            interval = wilson_interval(n_correct, len(chosen))
            rows.append(
                {
                    "model": model,
                    "norm": attack.norm,
                    "epsilon": attack.epsilon,
                    "epsilon_255": epsilon_255(epsilon, metadata["std"]),
                    "steps": attack.steps if attack.epsilon else 0,
                    "step_size": attack.step_size,
                    "n_images": len(chosen),
                    "n_correct": n_correct,
                    "accuracy": n_correct / len(chosen),
                    "ci_low": interval.low,
                    "ci_high": interval.high,
                    "seed": seed,
                }
            )
            logger.info("epsilon %s: %.2f %% of %d images", epsilon, 100 * n_correct / len(chosen), len(chosen))
        with whole_file(Path(snakemake.output[0])) as temporary:
            pd.DataFrame(rows).to_csv(temporary, index=False)


if "snakemake" in globals():
    main(snakemake)
