"""Roughly what one forward pass of a network costs, and how many features it has, by its name. Needs no torch."""

import re
from collections.abc import Mapping
from typing import Any

from feature_sensitivity.config.models import TAKES_WIDTH

WIDERESNET = re.compile(r"wideresnet-(\d+)-(\d+)")

BOTTLENECKS = (3, 4, 6, 3)
"""Blocks of ResNet50 in each group."""


def is_known(architecture: Mapping[str, Any]) -> bool:
    """Return whether a network of this name is built in, so that its name says what it costs."""
    name = str(architecture["name"])
    return name in TAKES_WIDTH or WIDERESNET.fullmatch(name) is not None


def forward_macs(architecture: Mapping[str, Any], *, width: int, size: int, in_channels: int = 3) -> int:
    """Return the multiply-accumulates of the convolutions in one pass of a ``size`` x ``size`` image.

    Those of ResNet18 for a network that is not built in.
    """
    name = str(architecture["name"])
    width = int(architecture.get("width", width))
    if name == "resnet50":
        return _resnet50(width, size, in_channels)
    if found := WIDERESNET.fullmatch(name):
        return _wideresnet(int(found[1]), int(found[2]), size, in_channels)
    return resnet18_macs(width=width, size=size, in_channels=in_channels)


def n_features(architecture: Mapping[str, Any], *, width: int) -> int:
    """Return the penultimate features of a network; those of ResNet18 for one that is not built in."""
    name = str(architecture["name"])
    if found := WIDERESNET.fullmatch(name):
        return 64 * int(found[2])
    return int(architecture.get("width", width)) * (32 if name == "resnet50" else 8)


def resnet18_macs(*, width: int, size: int, in_channels: int = 3, n_classes: int = 10) -> int:
    """Return the multiply-accumulates of one forward pass of ResNet18 on a ``size`` x ``size`` image."""
    total = 9 * in_channels * width * size**2
    channels = width
    for group in range(4):
        out_channels, size = width * 2**group, size if group == 0 else -(-size // 2)
        first = 9 * channels * out_channels + (channels * out_channels if group else 0)
        total += (first + 3 * 9 * out_channels**2) * size**2
        channels = out_channels
    return total + channels * n_classes


def _resnet50(width: int, size: int, in_channels: int) -> int:
    total, channels = 9 * in_channels * width * size**2, width
    for group, n_blocks in enumerate(BOTTLENECKS):
        inner, before = width * 2**group, size
        size = size if group == 0 else -(-size // 2)
        # The stride is in the 3 x 3 convolution; the first block has a shortcut with a convolution.
        total += channels * inner * before**2 + (9 * inner**2 + 4 * inner**2 + 4 * inner * channels) * size**2
        channels = 4 * inner
        total += (n_blocks - 1) * (2 * channels * inner + 9 * inner**2) * size**2
    return total


def _wideresnet(depth: int, widening: int, size: int, in_channels: int) -> int:
    n_blocks, channels = (depth - 4) // 6, 16
    total = 9 * in_channels * channels * size**2
    for group in range(3):
        out_channels, size = 16 * widening * 2**group, size if group == 0 else -(-size // 2)
        shortcut = channels * out_channels if channels != out_channels or group else 0
        total += (9 * channels * out_channels + shortcut + (2 * n_blocks - 1) * 9 * out_channels**2) * size**2
        channels = out_channels
    return total
