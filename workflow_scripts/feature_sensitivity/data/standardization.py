"""Pixels in [0, 1] and standardized units."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import torch
from torch import Tensor


@dataclass(frozen=True)
class Standardization:
    """Constants that standardize images, one per channel, for pixels in [0, 1]."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    @classmethod
    def from_mapping(cls, values: Mapping[str, Any]) -> Self:
        """Return the constants of a config section, or of a checkpoint's metadata, with ``mean`` and ``std``."""
        return cls(mean=tuple(map(float, values["mean"])), std=tuple(map(float, values["std"])))

    @classmethod
    def identity(cls, n_channels: int) -> Self:
        """Return the constants that leave pixels as they are."""
        return cls(mean=(0.0,) * n_channels, std=(1.0,) * n_channels)

    def as_lists(self) -> dict[str, list[float]]:
        """Return ``mean`` and ``std`` as plain lists, to be stored."""
        return {"mean": list(self.mean), "std": list(self.std)}

    def fault(self) -> str | None:
        """Return what is wrong with the constants, if anything: they must be finite, and ``std`` above 0."""
        if len(self.mean) != len(self.std) or not self.mean:
            return f"it has {len(self.mean)} numbers of mean and {len(self.std)} of std, expected one per channel"
        if not all(map(math.isfinite, self.mean)) or not all(0 < number < math.inf for number in self.std):
            return f"mean {list(self.mean)} and std {list(self.std)} are not all finite, and std above 0"
        return None

    def standardize(self, images: Tensor) -> Tensor:
        """Return float32 ``(x - mean) / std`` of images [n, channels, height, width], uint8 or in [0, 1]."""
        shape = (1, -1, 1, 1)
        pixels = to_unit_range(images)
        return (pixels - pixels.new_tensor(self.mean).reshape(shape)) / pixels.new_tensor(self.std).reshape(shape)


def to_unit_range(images: Tensor) -> Tensor:
    """Return float32 images in [0, 1] from uint8 or float32 ones."""
    return images.float() / 255 if images.dtype == torch.uint8 else images
