"""Take a model's weights from a file that was trained elsewhere."""

import platform
from pathlib import Path
from typing import Any

import torch

from feature_sensitivity import __version__
from feature_sensitivity.console import job, logger
from feature_sensitivity.datasets import read_split, read_standardization
from feature_sensitivity.files import UserError, sha256_of_file
from feature_sensitivity.imported_weights import network_with, read_weights
from feature_sensitivity.models import save_checkpoint


def main(snakemake: Any) -> None:
    """Unpack the rule."""
    with job(Path(snakemake.log[0]), f"import_model {snakemake.wildcards.model}"):
        path, evaluation = Path(snakemake.input.weights), Path(snakemake.input.evaluation)
        network, architecture = network_with(read_weights(path), snakemake.params.architecture, path)
        split = read_split(evaluation, "test")
        channels, classes = split.images.shape[1], int(split.labels.max()) + 1
        if architecture["in_channels"] != channels or architecture["n_classes"] < classes:
            raise UserError(
                f"{path} holds a network for images of {architecture['in_channels']} channels in "
                f"{architecture['n_classes']} classes, but the test images have {channels} and {classes}; "
                "write other weights for this model, or another evaluation_dataset"
            )
        mean, std = read_standardization(evaluation)
        metadata = {
            "architecture": architecture,
            "dataset": snakemake.params.dataset,
            "mean": mean,
            "std": std,
            "weights": {"file": str(path), "sha256": sha256_of_file(path)},
            "versions": {
                "feature_sensitivity": __version__,
                "torch": str(torch.__version__),
                "python": platform.python_version(),
            },
        }
        save_checkpoint(Path(snakemake.output[0]), network, metadata)
        logger.info(
            "read as %s; it gets images standardized with mean %s and std %s, as in the config", architecture, mean, std
        )


if "snakemake" in globals():
    main(snakemake)
