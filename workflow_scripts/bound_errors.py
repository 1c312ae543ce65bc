"""Bound the robust error of a model by the corrected Theorem 3, and check that on points that were attacked."""

from pathlib import Path

import pandas as pd

from feature_sensitivity.analysis.tables import write_table
from feature_sensitivity.config.measurement import AccuracySettings, SensitivitySettings
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
    attack: AccuracySettings,
    measured: SensitivitySettings,
    output: Path,
) -> None:
    """Write a row with the errors of a model and their bounds at one epsilon.

    ``attack``: on the decision, at one epsilon, in the very ball in which the features were attacked.
    ``measured``: settings of the sensitivities at that epsilon.
    """
    device = best_device()
    key = (name, str(measured.epsilon))
    files = SensitivityFiles(paths={key: sensitivity}, checkpoints={name: checkpoint}, settings={name: measured})
    row = measure_bounds(
        name=name,
        model=with_inputs_in(attack.epsilon_unit, load_checkpoint(checkpoint)),
        file=files.read()[key],
        test_split=read_split(evaluation, "test", lazy=True),
        settings=attack,
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
            attack=AccuracySettings(**snakemake.params.attack).at(snakemake.params.epsilon),
            measured=SensitivitySettings(**snakemake.params.settings).at(snakemake.params.epsilon),
            output=Path(snakemake.output[0]),
        )
