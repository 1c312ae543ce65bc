"""Measure a model's features at attacked images, and their gradients."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch

from feature_sensitivity.data.dataset_file import read_split
from feature_sensitivity.data.sampling import random_test_images
from feature_sensitivity.evaluation.attacked_features import measure_attacked_features as measure
from feature_sensitivity.evaluation.attacked_file import (
    AttackedFile,
    attack_in_ball,
    attacked_attributes,
    write_attacked,
)
from feature_sensitivity.evaluation.chosen_features import chosen_features
from feature_sensitivity.networks.checkpoints import load_checkpoint
from feature_sensitivity.networks.expected_files import check_files
from feature_sensitivity.networks.feature_layer import feature_place
from feature_sensitivity.networks.pixel_inputs import with_inputs_in
from feature_sensitivity.runtime.console import job, logger
from feature_sensitivity.runtime.devices import best_device
from feature_sensitivity.runtime.files import sha256_of_file
from feature_sensitivity.runtime.provenance import version_attributes


def measure_attacked_features(
    *,
    name: str,
    checkpoint: Path,
    evaluation: Path,
    epsilons: Sequence[str],
    accuracy: Mapping[str, Any],
    sensitivity: Mapping[str, Any],
    seed: int,
    unfinished_folder: Path,
    output: Path,
) -> None:
    """Write the features of a model where the attack on its classification ends, at every epsilon.

    Args:
        name: the model's.
        checkpoint: its file.
        evaluation: the dataset file whose test images are attacked, those of the sensitivities.
        epsilons: as spelled in the config.
        accuracy: the attack, as in the config.
        sensitivity: the ball and the features, as in the config.
        seed: names the images and the random starts.
        unfinished_folder: what an interrupted measurement continues from.
        output: the file to write.
    """
    device = best_device()
    loaded = load_checkpoint(checkpoint, **feature_place(sensitivity))
    model = with_inputs_in(sensitivity["epsilon_unit"], loaded)
    split = read_split(evaluation, "test", lazy=True)
    index = random_test_images(len(split.labels), sensitivity["images"], seed=seed, key="sensitivity.images")
    features = chosen_features(model.network.n_features, sensitivity["features"], name)
    label = split.labels[index]
    measured = measure(
        network=model.network,
        x=model.standardization.standardize(torch.from_numpy(split.images[index])),
        label=label,
        image_index=index,
        features=features,
        standardization=model.standardization,
        attacks={
            epsilon: attack_in_ball(accuracy=accuracy, sensitivity=sensitivity, epsilon=epsilon, seed=seed)
            for epsilon in epsilons
        },
        batch_size=sensitivity["batch_size"],
        device=device,
        unfinished_folder=unfinished_folder,
    )
    for epsilon, predicted in zip(epsilons, measured.attacked_prediction, strict=True):
        logger.info("epsilon %s: %d of %d images classified correctly", epsilon, (predicted == label).sum(), len(label))
    file = AttackedFile(
        clean=measured.clean,
        attacked=measured.attacked,
        gradient_norm=measured.gradient_norm,
        clean_prediction=measured.clean_prediction,
        attacked_prediction=measured.attacked_prediction,
        label=label,
        image_index=index,
        feature_index=features,
        attributes={
            **attacked_attributes(model=name, epsilons=epsilons, accuracy=accuracy, sensitivity=sensitivity, seed=seed),
            "batch_size": measured.batch_size,
            "checkpoint_sha256": sha256_of_file(checkpoint),
            **version_attributes(device),
        },
    )
    write_attacked(output, file)
    shutil.rmtree(unfinished_folder)


if "snakemake" in globals():
    with job(Path(snakemake.log[0]), f"measure_attacked_features {snakemake.wildcards.model}"):
        check_files(snakemake.params.expected)
        measure_attacked_features(
            name=snakemake.wildcards.model,
            checkpoint=Path(snakemake.input.model),
            evaluation=Path(snakemake.input.evaluation),
            epsilons=snakemake.params.epsilons,
            accuracy=snakemake.params.accuracy,
            sensitivity=snakemake.params.sensitivity,
            seed=snakemake.params.seed,
            unfinished_folder=Path(snakemake.params.unfinished_folder),
            output=Path(snakemake.output[0]),
        )
