"""Measure a model's features at attacked images, and their gradients."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch

from feature_sensitivity.config.measurement import AccuracySettings, SensitivitySettings
from feature_sensitivity.data.dataset_file import read_split
from feature_sensitivity.data.sampling import random_test_images
from feature_sensitivity.evaluation.attacked_features import measure_attacked_features as measure
from feature_sensitivity.evaluation.attacked_file import attacked_attributes
from feature_sensitivity.evaluation.chosen_features import chosen_features
from feature_sensitivity.evaluation.netcdf import write_netcdf
from feature_sensitivity.networks.checkpoints import load_checkpoint
from feature_sensitivity.networks.expected_files import check_files
from feature_sensitivity.networks.pixel_inputs import with_inputs_in
from feature_sensitivity.runtime.console import job, logger
from feature_sensitivity.runtime.devices import best_device
from feature_sensitivity.runtime.files import sha256_of_file
from feature_sensitivity.runtime.identity import EVALUATION
from feature_sensitivity.runtime.partial_results import delete_partial_results
from feature_sensitivity.runtime.provenance import version_attributes


def measure_attacked_features(
    *,
    name: str,
    checkpoint: Path,
    evaluation: Path,
    epsilons: Sequence[str],
    attack: AccuracySettings,
    chosen: SensitivitySettings,
    unfinished_folder: Path,
    output: Path,
) -> None:
    """Write the features of a model where the attack on its classification ends, at every epsilon.

    ``attack`` is in the ball and on the images of the sensitivities; ``chosen`` names the features, and how many rows
    are computed at a time. An interrupted measurement continues from ``unfinished_folder``.
    """
    device = best_device()
    loaded = load_checkpoint(checkpoint, **chosen.feature_layer())
    model = with_inputs_in(attack.epsilon_unit, loaded)
    split = read_split(evaluation, "test", lazy=True)
    n_test = len(split.labels)
    index = random_test_images(n_test, attack.images or n_test, seed=attack.seed, key="sensitivity.images")
    features = chosen_features(model.network.n_features, chosen.features, name)
    label = split.labels[index]
    measured = measure(
        network=model.network,
        x=model.standardization.standardize(torch.from_numpy(split.images[index])),
        label=label,
        image_index=index,
        features=features,
        standardization=model.standardization,
        attacks={epsilon: attack.at(epsilon) for epsilon in epsilons},
        batch_size=chosen.batch_size,
        device=device,
        unfinished_folder=unfinished_folder,
    )
    for epsilon, predicted in zip(epsilons, measured.attacked_prediction, strict=True):
        logger.info("epsilon %s: %d of %d images classified correctly", epsilon, (predicted == label).sum(), len(label))
    attributes = {
        "model": name,
        **attacked_attributes(epsilons=epsilons, attack=attack, features=chosen),
        **measured.attributes,
        "checkpoint_sha256": sha256_of_file(checkpoint),
        EVALUATION: split.identity,
        **version_attributes(device),
    }
    write_netcdf(output, replace(measured, attributes=attributes))
    delete_partial_results(unfinished_folder)


if "snakemake" in globals():
    with job(Path(snakemake.log[0]), f"measure_attacked_features {snakemake.wildcards.model}"):
        check_files(dict(snakemake.input.items()), snakemake.params.expected)
        measure_attacked_features(
            name=snakemake.wildcards.model,
            checkpoint=Path(snakemake.input.model),
            evaluation=Path(snakemake.input.evaluation),
            epsilons=snakemake.params.epsilons,
            attack=AccuracySettings(**snakemake.params.attack),
            chosen=SensitivitySettings(**snakemake.params.features),
            unfinished_folder=Path(snakemake.params.unfinished_folder),
            output=Path(snakemake.output[0]),
        )
