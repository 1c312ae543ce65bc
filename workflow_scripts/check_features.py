"""Check that a model's network has the features that the config asks for, before it is trained or attacked."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from feature_sensitivity.config.measurement import SensitivitySettings
from feature_sensitivity.config.models import is_imported
from feature_sensitivity.data.dataset_file import read_split
from feature_sensitivity.data.standardization import Standardization, to_unit_range
from feature_sensitivity.evaluation.chosen_features import chosen_features
from feature_sensitivity.networks.build import build, with_sizes
from feature_sensitivity.networks.checkpoints import classifier_of
from feature_sensitivity.networks.expected_files import check_files
from feature_sensitivity.networks.imported import import_network
from feature_sensitivity.runtime.console import job, logger
from feature_sensitivity.runtime.files import write_whole


def check_features(
    *,
    name: str,
    entry: Mapping[str, Any],
    architecture: Mapping[str, Any],
    width: int,
    evaluation: Path,
    chosen: SensitivitySettings,
    output: Path,
) -> None:
    """Write to ``output`` how many features a model has at its layer, and how many of them are ``chosen``.

    ``entry`` and ``width`` are as in the config. Raises :class:`UserError` when there is no such layer, no such
    position in it, or fewer features than asked for.
    """
    split = read_split(evaluation, "test", lazy=True)
    shape = list(split.images.shape[1:])
    pixels = to_unit_range(torch.from_numpy(split.images[:4]))
    network = _network(entry, architecture, pixels, width=width, n_classes=int(split.labels.max()) + 1)
    classifier = classifier_of(network, shape, None, **chosen.feature_layer())
    n_chosen = len(chosen_features(classifier.n_features, chosen.features, name))
    logger.info(
        "%s has %d features, %s, of which %d are measured",
        name,
        classifier.n_features,
        classifier.feature_layer,
        n_chosen,
    )
    write_whole(output, f"{classifier.n_features} features, {n_chosen} of them measured\n".encode())


def _network(
    entry: Mapping[str, Any], architecture: Mapping[str, Any], pixels: torch.Tensor, *, width: int, n_classes: int
) -> nn.Module:
    """Return the network as it will be measured, except that one which is still to be trained is not."""
    if is_imported(entry):
        identity = Standardization.identity(pixels.shape[1])
        weights = Path(entry["weights"]) if entry.get("weights") else None
        return import_network(architecture, weights, pixels, own=identity, default=identity).network
    torch.manual_seed(0)
    return build(with_sizes(architecture, width=width, in_channels=pixels.shape[1], n_classes=n_classes))


if "snakemake" in globals():
    with job(Path(snakemake.log[0]), f"check_features {snakemake.wildcards.model}"):
        check_files(dict(snakemake.input.items()), snakemake.params.expected)
        check_features(
            name=snakemake.wildcards.model,
            entry=snakemake.params.entry,
            architecture=snakemake.params.architecture,
            width=snakemake.params.width,
            evaluation=Path(snakemake.input.evaluation),
            chosen=SensitivitySettings(**snakemake.params.settings),
            output=Path(snakemake.output[0]),
        )
