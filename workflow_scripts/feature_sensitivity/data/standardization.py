"""Pixels and standardized units."""

from collections.abc import Sequence

import torch
from torch import Tensor


def to_unit_range(images: Tensor) -> Tensor:
    """Float32 images in [0, 1] from uint8 or float32 ones."""
    return images.float() / 255 if images.dtype == torch.uint8 else images


def standardize(images: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Float32 images in standardized units, ``(x - mean) / std`` per channel."""
    shape = (1, -1, 1, 1)
    unit = to_unit_range(images)
    return (unit - unit.new_tensor(mean).reshape(shape)) / unit.new_tensor(std).reshape(shape)
