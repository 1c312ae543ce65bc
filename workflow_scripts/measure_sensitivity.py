"""Measure the sensitivity of a model's features at one epsilon."""

from pathlib import Path

import numpy as np
import torch

from feature_sensitivity.config.measurement import SensitivitySettings
from feature_sensitivity.config.units import epsilon_columns
from feature_sensitivity.data.dataset_file import read_split
from feature_sensitivity.data.sampling import random_test_images
from feature_sensitivity.evaluation.chosen_features import (
    chosen_features,
    feature_attributes,
    share_at_cap,
    weight_of,
)
from feature_sensitivity.evaluation.feature_extrema import FeatureExtrema, measure_extrema
from feature_sensitivity.evaluation.sensitivity_file import write_sensitivity
from feature_sensitivity.evaluation.target_error import measure_to_target
from feature_sensitivity.networks.checkpoints import load_checkpoint
from feature_sensitivity.networks.expected_files import check_files
from feature_sensitivity.networks.pixel_inputs import with_inputs_in
from feature_sensitivity.runtime.console import job, logger
from feature_sensitivity.runtime.devices import best_device
from feature_sensitivity.runtime.files import sha256_of_file
from feature_sensitivity.runtime.identity import EVALUATION
from feature_sensitivity.runtime.partial_results import delete_partial_results
from feature_sensitivity.runtime.provenance import version_attributes


def measure_sensitivity(
    *,
    name: str,
    checkpoint: Path,
    evaluation: Path,
    settings: SensitivitySettings,
    shard: int,
    unfinished_folder: Path,
    output: Path,
) -> None:
    """Write the feature extrema of a model, and what is derived from them, at the epsilon of ``settings``.

    ``shard``, from 1, is which of ``settings.shards`` equal shares of the test images in ``evaluation`` is measured. An
    interrupted measurement continues from ``unfinished_folder``.
    """
    device = best_device()
    loaded = load_checkpoint(checkpoint, **settings.feature_layer())
    model = with_inputs_in(settings.epsilon_unit, loaded)
    split = read_split(evaluation, "test", lazy=True)
    n_test, seed = len(split.labels), settings.seed
    chosen = random_test_images(n_test, settings.images or n_test, seed=seed, key="sensitivity.images")
    chosen = chosen[shard - 1 :: settings.shards]
    target = settings.target_relative_error
    if target:
        chosen = np.random.Generator(np.random.PCG64(seed)).permutation(chosen)
    features = chosen_features(model.network.n_features, settings.features, name)
    if model.network.last_layer is None:
        logger.warning("no linear layer stands behind these features of %s: their sensitivities are unweighted", name)
    if settings.surrogate_steps and not model.network.has_surrogate:
        logger.info(
            "no activation with a gradient of zero stands before these features of %s: every step follows its "
            "own gradient",
            name,
        )

    def measure(images: slice) -> FeatureExtrema:
        index = chosen[images]
        return measure_extrema(
            network=model.network,
            x=model.standardization.standardize(torch.from_numpy(split.images[index])),
            image_index=index,
            features=features,
            standardization=model.standardization,
            settings=settings,
            device=device,
            unfinished_folder=unfinished_folder / f"from_{images.start or 0}",
        )

    if target:
        extrema = measure_to_target(measure, len(chosen), features=features, target_relative_error=target)
    else:
        extrema = measure(slice(None))
    # A target that is reached early leaves images over; the file is in the order of the dataset.
    order = np.argsort(chosen[: len(extrema.clean)])
    index = chosen[order]
    write_sensitivity(
        output,
        clean=extrema.clean[order],
        maximum=extrema.maximum[order],
        minimum=extrema.minimum[order],
        zero_gradient=extrema.zero_gradient.mean(axis=0).astype(np.float32),
        at_cap=share_at_cap(extrema.clean, model.network.feature_maximum),
        weight=weight_of(model.network, features),
        image_index=index,
        label=split.labels[index],
        feature_index=features,
        attributes={
            "model": name,
            **settings.attributes(),
            **epsilon_columns(str(settings.epsilon), unit=settings.epsilon_unit, std=loaded.standardization.std),
            "batch_size": extrema.batch_size,
            **feature_attributes(model.network),
            "checkpoint_sha256": sha256_of_file(checkpoint),
            EVALUATION: split.identity,
            **version_attributes(device),
        },
    )
    delete_partial_results(unfinished_folder)


if "snakemake" in globals():
    with job(Path(snakemake.log[0]), f"measure_sensitivity {Path(snakemake.output[0]).stem}"):
        check_files(dict(snakemake.input.items()), snakemake.params.expected)
        measure_sensitivity(
            name=snakemake.wildcards.model,
            checkpoint=Path(snakemake.input.model),
            evaluation=Path(snakemake.input.evaluation),
            settings=SensitivitySettings(**snakemake.params.settings).at(snakemake.params.epsilon),
            shard=int(snakemake.wildcards.get("shard", 1)),
            unfinished_folder=Path(snakemake.params.unfinished_folder),
            output=Path(snakemake.output[0]),
        )
