"""A network that was trained elsewhere: its architecture, its weights, and what standardizes its images."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from torch import Tensor, nn

from feature_sensitivity.config.models import needs_weights
from feature_sensitivity.data.standardization import Standardization
from feature_sensitivity.networks.build import build
from feature_sensitivity.networks.foreign_weights import network_with, require_finite
from feature_sensitivity.networks.normalization import is_normalization, normalization_among, standardization_for
from feature_sensitivity.networks.robustbench import with_its_weights
from feature_sensitivity.networks.weights_file import read_tensors

OWN_WEIGHTS = ("weights", "pretrained", "checkpoint_path")
"""Arguments by which torchvision and timm give networks weights."""

logger = logging.getLogger(__name__)


class ImportedNetwork(NamedTuple):
    """A network in eval mode, and what stands around it.

    ``description``: what :func:`.build.build` makes it from. ``normalization``: constants by which its file normalizes
    pixels in front of it. ``standardization``: what standardizes images before that.
    """

    network: nn.Module
    description: dict[str, Any]
    normalization: Standardization | None
    standardization: Standardization


def import_network(
    architecture: Mapping[str, Any],
    weights: Path | None,
    pixels: Tensor,
    *,
    weights_key: str | None = None,
    own: Standardization | None,
    default: Standardization,
) -> ImportedNetwork:
    """Return the network of an architecture with the weights of a file, or without a file as it comes.

    ``weights_key``: which weights, where the file holds several sets, as in :func:`.weights_file.read_tensors`.
    ``own`` constants of standardization hold where there are some, the ``default`` ones where neither the network nor
    its file normalizes images, which a few images in [0, 1], ``pixels``, show. The log says which, and what the file
    holds besides.

    Raises :class:`UserError` when the file holds no such network, or there is no such architecture.
    """
    network, description, left_out = _network(_as_published(architecture, weights), weights, weights_key)
    source = str(weights or description["name"])
    channels = len(default.mean)
    found = normalization_among(left_out, channels)
    if found:
        logger.log(
            logging.WARNING if own else logging.INFO,
            "%s normalizes in front of the network, by mean %s and std %s: they are kept with it, and it gets %s",
            source,
            list(found.mean),
            list(found.std),
            "images standardized by the config's constants besides" if own else "pixels in [0, 1]",
        )
        own = own or Standardization.identity(channels)
    standardization = standardization_for(network, pixels, own=own, default=default, name=source)
    return ImportedNetwork(network, description, found, standardization)


TRANSFORMS_INPUT = ("torchvision:googlenet", "torchvision:inception_v3")


def _as_published(architecture: Mapping[str, Any], weights: Path | None) -> Mapping[str, Any]:
    """Return an architecture with the arguments by which torchvision builds it for its published weights.

    Those two were trained on images in [-1, 1], which the networks make of images standardized for ImageNet, if
    ``transform_input`` says so; it is off where torchvision builds them without weights.
    """
    name = str(architecture["name"])
    if weights is None or name not in TRANSFORMS_INPUT or "transform_input" in architecture:
        return architecture
    logger.warning(
        "%s: torchvision's published weights of %s need transform_input, which is set; if yours were trained without "
        "it, write architecture: {name: %s, transform_input: false}",
        weights,
        name,
        name,
    )
    return {**architecture, "transform_input": True}


def _network(
    architecture: Mapping[str, Any], weights: Path | None, weights_key: str | None
) -> tuple[nn.Module, dict[str, Any], dict[str, Tensor]]:
    """Return the network in eval mode, its description, and the tensors of its file that belong to no part of it."""
    if weights is None:
        network = with_its_weights(architecture) or build(architecture)
        if needs_weights(architecture) and not any(architecture.get(key) for key in OWN_WEIGHTS):
            logger.warning(
                "%s has random weights, as it is built: name a file of weights to measure a trained network",
                architecture["name"],
            )
        require_finite(network, Path(str(architecture["name"])))
        return network.eval(), dict(architecture), {}
    network, description, left_out = network_with(read_tensors(weights, weights_key), architecture, weights)
    names = [name for name in left_out if not is_normalization(name)]
    if names:
        logger.warning(
            "%s holds more than the network, which is not part of it: %s%s",
            weights,
            ", ".join(names[:6]),
            ", ..." if len(names) > 6 else "",
        )
    return network, description, left_out
