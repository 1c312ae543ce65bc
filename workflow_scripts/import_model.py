"""Take a model's weights from a file that was trained elsewhere."""

import platform
from pathlib import Path
from typing import Any

import torch

from feature_sensitivity import __version__
from feature_sensitivity.data.dataset_file import read_split, read_standardization
from feature_sensitivity.data.sampling import random_test_images
from feature_sensitivity.data.split import Split
from feature_sensitivity.data.standardization import standardize
from feature_sensitivity.networks.checkpoints import save_checkpoint
from feature_sensitivity.networks.foreign_weights import network_with, read_weights
from feature_sensitivity.networks.predictions import clean_accuracy
from feature_sensitivity.runtime.console import job, logger
from feature_sensitivity.runtime.errors import UserError


def main(snakemake: Any) -> None:
    """Unpack the rule."""
    with job(Path(snakemake.log[0]), f"import_model {snakemake.wildcards.model}"):
        path, evaluation = Path(snakemake.input.weights), Path(snakemake.input.evaluation)
        weights, left_out = read_weights(path)
        network, architecture = network_with(weights, snakemake.params.architecture, path)
        if left_out:
            logger.warning(
                "%s holds more than the network, and it is left out: %s; if that is a layer that standardizes, write "
                "its numbers under standardization",
                *(path, ", ".join(left_out[:6])),
            )
        split = read_split(evaluation, "test")
        channels, classes = split.images.shape[1], int(split.labels.max()) + 1
        if architecture["in_channels"] != channels or architecture["n_classes"] < classes:
            raise UserError(
                f"{path} holds a network for images of {architecture['in_channels']} channels in "
                f"{architecture['n_classes']} classes, but the test images have {channels} and {classes}; "
                "write other weights for this model, or another evaluation_dataset"
            )
        mean, std = read_standardization(evaluation)
        some = random_test_images(len(split.labels), min(1000, len(split.labels)), 0, "the evaluation dataset")
        sample = Split(split.images[some], split.labels[some])
        if not network(standardize(torch.from_numpy(sample.images[:1]), mean, std)).isfinite().all():
            raise UserError(f"{path} gives logits that are not finite, so its weights are broken; write other weights")
        accuracy = clean_accuracy(network, sample, mean=mean, std=std, device=torch.device("cpu"))
        metadata = {
            "architecture": architecture,
            "dataset": snakemake.params.dataset,
            "mean": mean,
            "std": std,
            "weights": {"file": str(path), "sha256": snakemake.params.sha256},
            "versions": {
                "feature_sensitivity": __version__,
                "torch": str(torch.__version__),
                "python": platform.python_version(),
            },
        }
        save_checkpoint(Path(snakemake.output[0]), network, metadata)
        logger.info(
            "%s: read as %s; with images standardized by the config's mean %s and std %s, %.1f %% of %d test images "
            "are classified correctly: less than you know of it means that these constants are not its own",
            *(path, ", ".join(f"{key} {value}" for key, value in architecture.items()), mean, std),
            *(100 * accuracy, len(some)),
        )


if "snakemake" in globals():
    main(snakemake)
