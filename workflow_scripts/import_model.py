"""Take a model that was trained elsewhere: its weights from a file, or as its own code returns it."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from feature_sensitivity.config.user_code import sha256_of_code
from feature_sensitivity.data.dataset_file import read_split, require_outputs
from feature_sensitivity.data.sampling import random_test_images
from feature_sensitivity.data.split import Split
from feature_sensitivity.data.standardization import Standardization, to_unit_range
from feature_sensitivity.networks.attack_copy import require_independent_rows
from feature_sensitivity.networks.checkpoints import classifier_of, save_checkpoint
from feature_sensitivity.networks.classifier import Classifier
from feature_sensitivity.networks.expected_files import check_files
from feature_sensitivity.networks.forward import forward
from feature_sensitivity.networks.imported import import_network
from feature_sensitivity.networks.pass_cost import pass_cost
from feature_sensitivity.networks.predictions import clean_accuracy
from feature_sensitivity.runtime.console import job, logger
from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.runtime.identity import EVALUATION
from feature_sensitivity.runtime.provenance import versions

TESTED_IMAGES = 1000

MUCH_BETTER = 0.05
"""By how much more of the images have to be correct with other constants for a warning."""


def import_model(
    *,
    weights: Path | None,
    weights_sha256: str | None,
    weights_key: str | None = None,
    architecture: Mapping[str, Any],
    standardization: Mapping[str, Any],
    own_standardization: Mapping[str, Any] | None,
    dataset_name: str,
    evaluation: Path,
    output: Path,
) -> None:
    """Write a checkpoint with a model's network, and report its accuracy on the test images of ``evaluation`` at once.

    ``weights``: the file with its weights; None: those with which its architecture comes. ``weights_key``: which of
    them, where it holds several sets. ``standardization`` is that of the run, ``own_standardization`` that of this
    model, if the config gives some. ``dataset_name``: what it was trained on.

    Raises :class:`UserError` when the file holds no such network, or one for other images, or one whose output for an
    image depends on others.
    """
    split = read_split(evaluation, "test", lazy=True)
    classes = int(split.labels.max()) + 1
    pixels = to_unit_range(torch.from_numpy(split.images[:4]))
    network, description, found, used = import_network(
        architecture,
        weights,
        pixels,
        weights_key=weights_key,
        own=Standardization.from_mapping(own_standardization) if own_standardization else None,
        default=Standardization.from_mapping(standardization),
    )
    source = str(weights or description["name"])
    n_tested = min(TESTED_IMAGES, len(split.labels))
    sample = split.subset(random_test_images(len(split.labels), n_tested, seed=0, key="the evaluation dataset"))
    x = used.standardize(torch.from_numpy(sample.images[:4]))
    n_outputs = forward(network, x).shape[1]
    if n_outputs < classes:
        raise UserError(
            f"{source} holds a network for {n_outputs} classes, but the test images have {classes}; "
            "write other weights for this model, or another evaluation_dataset"
        )
    require_outputs(evaluation, n_outputs)
    normalization = found.as_lists() if found else None
    shape = list(sample.images.shape[1:])
    classifier = classifier_of(network, shape, normalization)
    if not classifier(x).isfinite().all():
        raise UserError(f"{source} gives logits that are not finite, so its weights are broken; write other weights")
    require_independent_rows(classifier, x)
    cpu = torch.device("cpu")
    accuracy = clean_accuracy(classifier, sample, used, device=cpu)
    metadata = {
        "architecture": description,
        "code_sha256": sha256_of_code(description["name"]),
        "input_shape": shape,
        "pass_cost": pass_cost(network, shape),
        "normalization": normalization,
        "dataset": dataset_name,
        EVALUATION: split.identity,
        "weights": {"file": str(weights), "sha256": weights_sha256, "key": weights_key} if weights else None,
        "versions": versions(cpu),
    }
    save_checkpoint(output, network, used, metadata)
    logger.info(
        "%s: read as %s; with images standardized by mean %s and std %s, %.1f %% of %d test images are classified "
        "correctly: less than you know of it means that these constants are not its own",
        source,
        ", ".join(f"{key} {value}" for key, value in description.items()),
        list(used.mean),
        list(used.std),
        100 * accuracy,
        n_tested,
    )
    _compare_standardization(classifier, sample, used, Standardization.from_mapping(standardization), accuracy, source)


def _compare_standardization(
    network: Classifier,
    sample: Split,
    used: Standardization,
    of_the_run: Standardization,
    accuracy: float,
    source: str,
) -> None:
    """Log the accuracy on pixels in [0, 1] where images are standardized, else with the constants of the run."""
    identity = Standardization.identity(len(used.mean))
    other = of_the_run if used == identity else identity
    if other == used:
        return
    try:
        other_accuracy = clean_accuracy(network, sample, other, device=torch.device("cpu"))
    except UserError:
        return  # it takes no such images, which settles the question
    logger.log(
        logging.WARNING if other_accuracy > accuracy + MUCH_BETTER else logging.INFO,
        "%s: with mean %s and std %s instead, %.1f %% are classified correctly%s",
        source,
        list(other.mean),
        list(other.std),
        100 * other_accuracy,
        "; if these constants are its own, write "
        f"standardization: {{mean: {list(other.mean)}, std: {list(other.std)}}} for this model"
        if other_accuracy > accuracy + MUCH_BETTER
        else "",
    )


if "snakemake" in globals():
    with job(Path(snakemake.log[0]), f"import_model {snakemake.wildcards.model}"):
        check_files(dict(snakemake.input.items()), snakemake.params.expected)
        import_model(
            weights=Path(snakemake.params.weights) if snakemake.params.weights else None,
            weights_sha256=snakemake.params.sha256,
            weights_key=snakemake.params.weights_key,
            architecture=snakemake.params.architecture,
            standardization=snakemake.params.standardization,
            own_standardization=snakemake.params.own_standardization,
            dataset_name=snakemake.params.dataset,
            evaluation=Path(snakemake.input.evaluation),
            output=Path(snakemake.output[0]),
        )
