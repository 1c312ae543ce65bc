"""Measure a model's accuracy without attack and under PGD at every epsilon."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from feature_sensitivity.analysis.accuracy_interval import accuracy_columns
from feature_sensitivity.analysis.accuracy_tables import accuracy_identity
from feature_sensitivity.analysis.tables import write_table
from feature_sensitivity.attacks.auto_pgd import correct_under_apgd, import_art
from feature_sensitivity.config.measurement import AccuracySettings
from feature_sensitivity.config.units import epsilon_columns, number
from feature_sensitivity.data.dataset_file import read_split
from feature_sensitivity.data.sampling import random_test_images
from feature_sensitivity.evaluation.accuracy import correct_under_attack, correct_under_one_step
from feature_sensitivity.evaluation.correct_file import CorrectFile
from feature_sensitivity.evaluation.netcdf import write_netcdf
from feature_sensitivity.networks.checkpoints import load_checkpoint
from feature_sensitivity.networks.expected_files import check_files
from feature_sensitivity.networks.pixel_inputs import with_inputs_in
from feature_sensitivity.runtime.console import job, logger
from feature_sensitivity.runtime.devices import best_device
from feature_sensitivity.runtime.identity import EVALUATION
from feature_sensitivity.runtime.provenance import version_attributes


def measure_accuracy(
    *,
    name: str,
    checkpoint: Path,
    evaluation: Path,
    epsilons: Sequence[str],
    settings: AccuracySettings,
    accuracy: Path,
    checks: Path,
    images: Path,
) -> None:
    """Write the accuracies of a model at 0 and at every epsilon, and in ``checks`` those under other attacks.

    ``epsilons`` are as in the config. ``images`` is the file that says which test images of ``evaluation`` are correct.
    """
    device = best_device()
    loaded, unit = load_checkpoint(checkpoint), settings.epsilon_unit
    model = with_inputs_in(unit, loaded)
    split = read_split(evaluation, "test", lazy=True)
    n_test = len(split.labels)
    chosen = random_test_images(n_test, settings.images or n_test, seed=settings.seed, key="accuracy.images")
    if settings.stronger_attack:
        import_art()  # where it is missing, say so before the attacks
    attacked = {
        "network": model.network,
        "split": split.subset(chosen),
        "standardization": model.standardization,
        "device": device,
    }
    identity = accuracy_identity(name, checkpoint, epsilons=epsilons, settings=settings)
    made_from = {**identity, EVALUATION: split.identity}
    rows, correct_at = [], []
    for epsilon in ["0", *epsilons]:
        at_epsilon = settings.at(epsilon)
        correct = correct_under_attack(image_index=chosen, settings=at_epsilon, **attacked)
        correct_at.append(correct)
        attack = at_epsilon.attack
        rows.append(
            {
                "model": name,
                "norm": attack.norm,
                **epsilon_columns(epsilon, unit=unit, std=loaded.standardization.std),
                "steps": attack.steps if attack.epsilon else 0,
                "step_size": attack.step_size,
                **accuracy_columns(correct),
                "seed": settings.seed,
            }
        )
        logger.info("epsilon %s: %.2f %% of %d images", epsilon, 100 * correct.mean(), len(correct))

    numbers = [number(epsilon) for epsilon in epsilons]
    other = {"norm": settings.norm, "clip_to_pixel_box": settings.clip_to_pixel_box}
    one_step, zero_gradient = correct_under_one_step(epsilons=numbers, **other, **attacked)

    def check(attack: str, epsilon: float, correct: NDArray[np.bool_]) -> dict[str, Any]:
        return {
            "model": name,
            "attack": attack,
            "norm": settings.norm,
            "epsilon": epsilon,
            **accuracy_columns(correct),
            "zero_gradient": zero_gradient.mean(),
        }

    checked = [check("fgsm", epsilon, correct) for epsilon, correct in zip(numbers, one_step, strict=True)]
    for epsilon in numbers if settings.stronger_attack else []:
        correct = correct_under_apgd(epsilon=epsilon, seed=settings.seed, **other, **attacked)
        checked.append(check("apgd", epsilon, correct))
        logger.info("epsilon %g, APGD: %.2f %%", epsilon, 100 * correct.mean())
    write_netcdf(
        images,
        CorrectFile(
            correct=np.stack(correct_at),
            label=split.labels[chosen],
            image_index=chosen,
            attributes={
                **made_from,
                **version_attributes(device),
            },
        ),
    )
    write_table(accuracy, pd.DataFrame(rows), made_from=made_from)
    write_table(checks, pd.DataFrame(checked), made_from=made_from)


if "snakemake" in globals():
    with job(Path(snakemake.log[0]), f"measure_accuracy {snakemake.wildcards.model}"):
        check_files(dict(snakemake.input.items()), snakemake.params.expected)
        measure_accuracy(
            name=snakemake.wildcards.model,
            checkpoint=Path(snakemake.input.model),
            evaluation=Path(snakemake.input.evaluation),
            epsilons=snakemake.params.epsilons,
            settings=AccuracySettings(**snakemake.params.settings),
            accuracy=Path(snakemake.output.accuracy),
            checks=Path(snakemake.output.checks),
            images=Path(snakemake.output.images),
        )
