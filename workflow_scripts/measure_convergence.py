"""Measure how much of what all attacks together find each of them finds, on a sample of a model's features."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from feature_sensitivity.analysis.tables import write_table
from feature_sensitivity.config.measurement import SensitivitySettings
from feature_sensitivity.config.units import epsilon_columns
from feature_sensitivity.data.dataset_file import read_split
from feature_sensitivity.data.sampling import random_test_images
from feature_sensitivity.evaluation.feature_extrema import FeatureExtrema, measure_extrema
from feature_sensitivity.networks.checkpoints import load_checkpoint
from feature_sensitivity.networks.expected_files import check_files
from feature_sensitivity.networks.pixel_inputs import with_inputs_in
from feature_sensitivity.runtime.console import job
from feature_sensitivity.runtime.devices import best_device
from feature_sensitivity.studies.convergence.attacks import attacks
from feature_sensitivity.studies.convergence.measurement import convergence_table


def measure_convergence(
    *,
    name: str,
    checkpoint: Path,
    evaluation: Path,
    settings: SensitivitySettings,
    study: Mapping[str, Any],
    output: Path,
) -> None:
    """Write the study's table for one model at one epsilon.

    ``settings``: of the sensitivities at one epsilon. ``study``: as ``studies.convergence`` in the config.
    """
    device = best_device()
    loaded = load_checkpoint(checkpoint, **settings.feature_layer())
    model, seed = with_inputs_in(settings.epsilon_unit, loaded), settings.seed
    split = read_split(evaluation, "test", lazy=True)
    chosen = random_test_images(len(split.labels), study["images"], seed=seed, key="studies.convergence.images")
    n_features = model.network.n_features
    order = np.random.Generator(np.random.PCG64(seed)).permutation(n_features)
    features = np.sort(order[: study["features"]]).astype(np.int64)
    x = model.standardization.standardize(torch.from_numpy(split.images[chosen]))

    def measure(compared: SensitivitySettings) -> FeatureExtrema:
        return measure_extrema(
            network=model.network,
            x=x,
            image_index=chosen,
            features=features,
            standardization=model.standardization,
            settings=compared,
            device=device,
        )

    compared = attacks(settings, steps=study["steps"], n_starts=study["starts"])
    table = convergence_table(measure, compared, definition=settings.definition)
    table.insert(0, "model", name)
    columns = epsilon_columns(str(settings.epsilon), unit=settings.epsilon_unit, std=loaded.standardization.std)
    for place, (column, number) in enumerate(columns.items(), start=1):
        table.insert(place, column, number)
    table["n_images"], table["n_features"] = study["images"], min(study["features"], n_features)
    write_table(output, table)


if "snakemake" in globals():
    with job(Path(snakemake.log[0]), f"measure_convergence {Path(snakemake.output[0]).stem}"):
        check_files(snakemake.params.expected)
        measure_convergence(
            name=snakemake.wildcards.model,
            checkpoint=Path(snakemake.input.model),
            evaluation=Path(snakemake.input.evaluation),
            settings=SensitivitySettings(**snakemake.params.settings).at(snakemake.params.epsilon),
            study=snakemake.params.study,
            output=Path(snakemake.output[0]),
        )
