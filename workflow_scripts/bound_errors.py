"""Bound the robust error of a model by the corrected Theorem 3, and check that on points that were attacked."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd

from feature_sensitivity.analysis.tables import write_table
from feature_sensitivity.config.attack import Attack
from feature_sensitivity.config.measurement import AccuracySettings
from feature_sensitivity.data.dataset_file import read_split
from feature_sensitivity.evaluation.expected_sensitivity import SensitivityFiles
from feature_sensitivity.networks.checkpoints import load_checkpoint
from feature_sensitivity.networks.expected_files import check_files
from feature_sensitivity.networks.pixel_inputs import with_inputs_in
from feature_sensitivity.runtime.console import job
from feature_sensitivity.runtime.devices import best_device
from feature_sensitivity.studies.error_bounds.measurement import measure_bounds


def bound_errors(
    *,
    name: str,
    checkpoint: Path,
    evaluation: Path,
    sensitivity: Path,
    epsilon: str,
    section: Mapping[str, Any],
    measurement: Mapping[str, Any],
    restarts: int,
    seed: int,
    output: Path,
) -> None:
    """Write a row with the errors of a model and their bounds at one epsilon.

    ``section``: as ``accuracy`` in the config; its attack is repeated from ``restarts`` random starts.
    ``measurement``: as ``sensitivity`` in the config.
    """
    device = best_device()
    files = SensitivityFiles(
        paths={(name, epsilon): sensitivity}, checkpoints={name: checkpoint}, section=measurement, seed=seed
    )
    file = files.read()[name, epsilon]
    # The decision is attacked in the very ball in which the features were.
    attack = replace(Attack.from_config(section, epsilon), norm=str(file.attributes["norm"]))
    settings = AccuracySettings(
        attack=attack,
        iterate="any",
        restarts=restarts,
        clip_to_pixel_box=bool(file.attributes["clip_to_pixel_box"]),
        seed=seed,
    )
    row = measure_bounds(
        name=name,
        model=with_inputs_in(attack.unit, load_checkpoint(checkpoint)),
        file=file,
        test_split=read_split(evaluation, "test", lazy=True),
        settings=settings,
        device=device,
    )
    write_table(output, pd.DataFrame([row]))


if "snakemake" in globals():
    with job(Path(snakemake.log[0]), f"bound_errors {snakemake.wildcards.model} {snakemake.wildcards.eps}"):
        check_files(snakemake.params.expected)
        bound_errors(
            name=snakemake.wildcards.model,
            checkpoint=Path(snakemake.input.model),
            evaluation=Path(snakemake.input.evaluation),
            sensitivity=Path(snakemake.input.sensitivity),
            epsilon=snakemake.params.epsilon,
            section=snakemake.params.accuracy,
            measurement=snakemake.params.sensitivity,
            restarts=snakemake.params.restarts,
            seed=snakemake.params.seed,
            output=Path(snakemake.output[0]),
        )
