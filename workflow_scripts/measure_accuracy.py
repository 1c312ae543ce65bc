"""Measure a model's accuracy without attack and under PGD at every epsilon."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from feature_sensitivity.analysis.estimates import wilson_interval
from feature_sensitivity.attacks.auto_pgd import correct_under_apgd, import_art
from feature_sensitivity.attacks.pgd import PGD
from feature_sensitivity.config.units import epsilon_255, step_length
from feature_sensitivity.data.dataset_file import read_split
from feature_sensitivity.data.sampling import random_test_images
from feature_sensitivity.evaluation.accuracy import correct_under_attack, correct_under_one_step
from feature_sensitivity.networks.checkpoints import load_checkpoint
from feature_sensitivity.runtime.console import job, logger
from feature_sensitivity.runtime.devices import best_device, device_name
from feature_sensitivity.runtime.files import whole_file


def counts(correct: NDArray[np.bool_]) -> dict[str, float]:
    """How many of the images [n] are classified correctly, and their share with its interval."""
    n_images, n_correct = len(correct), int(correct.sum())
    interval = wilson_interval(n_correct, n_images)
    return {
        "n_images": n_images,
        "n_correct": n_correct,
        "accuracy": n_correct / n_images,
        "ci_low": interval.low,
        "ci_high": interval.high,
    }


def main(snakemake: Any) -> None:
    """Unpack the rule."""
    settings, seed, model = snakemake.params.settings, snakemake.params.seed, snakemake.wildcards.model
    with job(Path(snakemake.log[0]), f"measure_accuracy {model}"):
        device = best_device()
        logger.info("on %s", device_name(device))
        network, metadata = load_checkpoint(Path(snakemake.input.model))
        split = read_split(Path(snakemake.input.evaluation), "test")
        chosen = random_test_images(len(split.labels), settings["images"] or len(split.labels), seed, "accuracy.images")
        if settings["stronger_attack"]:
            import_art()  # where it is missing, say so before the attacks
        protocol = {
            "network": network,
            "images": split.images[chosen],
            "labels": split.labels[chosen],
            "mean": metadata["mean"],
            "std": metadata["std"],
            "clip_to_pixel_box": settings["clip_to_pixel_box"],
            "device": device,
        }
        rows = []
        for epsilon in ["0", *snakemake.params.epsilons]:
            attack = PGD(
                norm=settings["norm"],
                epsilon=float(epsilon),
                steps=settings["steps"],
                step_size=step_length(settings["relative_step_size"], epsilon),
            )
            correct = correct_under_attack(
                image_index=chosen,
                attack=attack,
                iterate=settings["iterate"],
                restarts=settings["restarts"],
                seed=seed,
                **protocol,
            )
            rows.append(
                {
                    "model": model,
                    "norm": attack.norm,
                    "epsilon": attack.epsilon,
                    "epsilon_255": epsilon_255(epsilon, metadata["std"]),
                    "steps": attack.steps if attack.epsilon else 0,
                    "step_size": attack.step_size,
                    **counts(correct),
                    "seed": seed,
                }
            )
            logger.info("epsilon %s: %.2f %% of %d images", epsilon, 100 * correct.mean(), len(correct))
        epsilons = [row["epsilon"] for row in rows[1:]]
        one_step, zero_gradient = correct_under_one_step(norm=settings["norm"], epsilons=epsilons, **protocol)
        checked = [("fgsm", epsilon, correct) for epsilon, correct in zip(epsilons, one_step, strict=True)]
        for epsilon in epsilons if settings["stronger_attack"] else []:
            correct = correct_under_apgd(norm=settings["norm"], epsilon=epsilon, seed=seed, **protocol)
            checked.append(("apgd", epsilon, correct))
            logger.info("epsilon %g, APGD: %.2f %%", epsilon, 100 * correct.mean())
        checks = [
            {
                "model": model,
                "attack": attack,
                "norm": settings["norm"],
                "epsilon": epsilon,
                **counts(correct),
                "zero_gradient": zero_gradient.mean(),
            }
            for attack, epsilon, correct in checked
        ]
        for path, table in ((snakemake.output.accuracy, rows), (snakemake.output.checks, checks)):
            with whole_file(Path(path)) as temporary:
                pd.DataFrame(table).to_csv(temporary, index=False)


if "snakemake" in globals():
    main(snakemake)
