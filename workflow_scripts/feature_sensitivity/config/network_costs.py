"""Roughly what one forward pass of a network costs, and how many features it has, by its name. Needs no torch."""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from feature_sensitivity.config.models import TAKES_WIDTH

WIDERESNET = re.compile(r"wideresnet-(\d+)-(\d+)")

BOTTLENECKS = (3, 4, 6, 3)
"""Blocks of ResNet50 in each group."""


def is_known(architecture: Mapping[str, Any]) -> bool:
    """Return whether a network of this name is built in, so that its name says what it costs."""
    name = str(architecture["name"])
    return name in TAKES_WIDTH or WIDERESNET.fullmatch(name) is not None


class Convolution(NamedTuple):
    """A convolution, with all that its cost depends on."""

    taps: int
    in_channels: int
    out_channels: int
    size: int
    """Of the square map that it writes."""

    @property
    def macs(self) -> int:
        """Multiply-accumulates for one image."""
        return self.taps * self.in_channels * self.values

    @property
    def values(self) -> int:
        """Numbers that it writes for one image."""
        return self.out_channels * self.size**2


def convolutions(architecture: Mapping[str, Any], *, width: int, size: int, in_channels: int = 3) -> list[Convolution]:
    """Return what a network does with a ``size`` x ``size`` image; for one that is not built in, what ResNet18 does."""
    name = str(architecture["name"])
    width = int(architecture.get("width", width))
    if name == "resnet50":
        return list(_resnet50(width, size, in_channels))
    if found := WIDERESNET.fullmatch(name):
        return list(_wideresnet(int(found[1]), int(found[2]), size, in_channels))
    return list(_resnet18(width, size, in_channels))


def forward_macs(architecture: Mapping[str, Any], *, width: int, size: int, in_channels: int = 3) -> int:
    """Return the multiply-accumulates of the convolutions in one pass of a ``size`` x ``size`` image."""
    return sum(one.macs for one in convolutions(architecture, width=width, size=size, in_channels=in_channels))


def n_features(architecture: Mapping[str, Any], *, width: int) -> int:
    """Return the penultimate features of a network; those of ResNet18 for one that is not built in."""
    name = str(architecture["name"])
    if found := WIDERESNET.fullmatch(name):
        return 64 * int(found[2])
    return int(architecture.get("width", width)) * (32 if name == "resnet50" else 8)


def _resnet18(width: int, size: int, in_channels: int) -> Iterator[Convolution]:
    yield Convolution(9, in_channels, width, size)
    channels = width
    for group in range(4):
        out_channels, size = width * 2**group, size if group == 0 else -(-size // 2)
        yield Convolution(9, channels, out_channels, size)
        if group:
            yield Convolution(1, channels, out_channels, size)
        yield from [Convolution(9, out_channels, out_channels, size)] * 3
        channels = out_channels


def _resnet50(width: int, size: int, in_channels: int) -> Iterator[Convolution]:
    yield Convolution(9, in_channels, width, size)
    channels = width
    for group, n_blocks in enumerate(BOTTLENECKS):
        inner, before = width * 2**group, size
        size = size if group == 0 else -(-size // 2)
        for block in range(n_blocks):
            # The stride is in the 3 x 3 convolution; the first block has a shortcut with a convolution.
            yield Convolution(1, channels, inner, size if block else before)
            yield Convolution(9, inner, inner, size)
            yield Convolution(1, inner, 4 * inner, size)
            if block == 0:
                yield Convolution(1, channels, 4 * inner, size)
            channels = 4 * inner


def _wideresnet(depth: int, widening: int, size: int, in_channels: int) -> Iterator[Convolution]:
    n_blocks, channels = (depth - 4) // 6, 16
    yield Convolution(9, in_channels, channels, size)
    for group in range(3):
        out_channels, size = 16 * widening * 2**group, size if group == 0 else -(-size // 2)
        yield Convolution(9, channels, out_channels, size)
        if channels != out_channels or group:
            yield Convolution(1, channels, out_channels, size)
        yield from [Convolution(9, out_channels, out_channels, size)] * (2 * n_blocks - 1)
        channels = out_channels
