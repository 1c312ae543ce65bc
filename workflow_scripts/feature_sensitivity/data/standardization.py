"""Pixels in [0, 1] and standardized units."""

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

    def as_lists(self) -> dict[str, list[float]]:
        """Return ``mean`` and ``std`` as plain lists, to be stored."""
        return {"mean": list(self.mean), "std": list(self.std)}

    def standardize(self, images: Tensor) -> Tensor:
        """Return float32 ``(x - mean) / std`` of images [n, channels, height, width], uint8 or in [0, 1]."""
        shape = (1, -1, 1, 1)
        pixels = to_unit_range(images)
        return (pixels - pixels.new_tensor(self.mean).reshape(shape)) / pixels.new_tensor(self.std).reshape(shape)


def to_unit_range(images: Tensor) -> Tensor:
    """Return float32 images in [0, 1] from uint8 or float32 ones."""
    return images.float() / 255 if images.dtype == torch.uint8 else images
