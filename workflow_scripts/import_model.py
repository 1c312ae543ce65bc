"""Take a model's weights from a file that was trained elsewhere."""

from pathlib import Path

import torch

from feature_sensitivity.data.dataset_file import read_split, read_standardization
from feature_sensitivity.data.sampling import random_test_images
from feature_sensitivity.networks.checkpoints import save_checkpoint
from feature_sensitivity.networks.expected_files import check_files
from feature_sensitivity.networks.foreign_weights import network_with, read_weights
from feature_sensitivity.networks.predictions import clean_accuracy
from feature_sensitivity.runtime.console import job, logger
from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.runtime.provenance import versions

TESTED_IMAGES = 1000


def import_model(
    *,
    weights: Path,
    weights_sha256: str,
    architecture: str,
    dataset_name: str,
    evaluation: Path,
    output: Path,
) -> None:
    """Write a checkpoint with the weights of a file, and report the accuracy of the network at once.

    ``architecture``: its name. ``dataset_name``: what it was trained on. ``evaluation``: the dataset file whose test
    images it has to fit.

    Raises :class:`UserError` when the file holds no such network, or one for other images.
    """
    tensors, left_out = read_weights(weights)
    network, description = network_with(tensors, architecture, weights)
    if left_out:
        logger.warning(
            "%s holds more than the network, and it is left out: %s; if that is a layer that standardizes, write "
            "its numbers under standardization",
            weights,
            ", ".join(left_out[:6]),
        )
    split, standardization = read_split(evaluation, "test", lazy=True), read_standardization(evaluation)
    channels, classes = split.images.shape[1], int(split.labels.max()) + 1
    if description["in_channels"] != channels or description["n_classes"] < classes:
        raise UserError(
            f"{weights} holds a network for images of {description['in_channels']} channels in "
            f"{description['n_classes']} classes, but the test images have {channels} and {classes}; "
            "write other weights for this model, or another evaluation_dataset"
        )
    n_tested = min(TESTED_IMAGES, len(split.labels))
    sample = split.subset(random_test_images(len(split.labels), n_tested, seed=0, key="the evaluation dataset"))
    if not network(standardization.standardize(torch.from_numpy(sample.images[:1]))).isfinite().all():
        raise UserError(f"{weights} gives logits that are not finite, so its weights are broken; write other weights")
    cpu = torch.device("cpu")
    accuracy = clean_accuracy(network, sample, standardization, device=cpu)
    metadata = {
        "architecture": description,
        "dataset": dataset_name,
        "weights": {"file": str(weights), "sha256": weights_sha256},
        "versions": versions(cpu),
    }
    save_checkpoint(output, network, standardization, metadata)
    logger.info(
        "%s: read as %s; with images standardized by the config's mean %s and std %s, %.1f %% of %d test images "
        "are classified correctly: less than you know of it means that these constants are not its own",
        weights,
        ", ".join(f"{key} {value}" for key, value in description.items()),
        list(standardization.mean),
        list(standardization.std),
        100 * accuracy,
        n_tested,
    )


if "snakemake" in globals():
    with job(Path(snakemake.log[0]), f"import_model {snakemake.wildcards.model}"):
        check_files(snakemake.params.expected)
        import_model(
            weights=Path(snakemake.input.weights),
            weights_sha256=snakemake.params.sha256,
            architecture=snakemake.params.architecture,
            dataset_name=snakemake.params.dataset,
            evaluation=Path(snakemake.input.evaluation),
            output=Path(snakemake.output[0]),
        )
