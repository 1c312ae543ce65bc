"""The check that a split is what the common form asks for."""

import math
from typing import Any

import numpy as np

from feature_sensitivity.data.split import Split
from feature_sensitivity.runtime.errors import UserError

CHANGES_NO_RESULT = True
MOST_CLASSES = 100_000
TYPES = (np.dtype(np.uint8), np.dtype(np.float32))
BLOCK_BYTES = 64_000_000
"""Of images that are looked at, written or resized together."""
LARGEST_IMAGE = 200_000_000
"""Bytes."""


def check_split(split: Split, where: str) -> None:
    """Raise :class:`UserError` unless images and labels have the documented shapes, types and ranges."""
    images, labels, faults = split.images, split.labels, []
    n_images = images.shape[0] if images.ndim else 0
    if images.ndim != 4 or images.dtype not in TYPES:
        faults.append(
            f"images are {images.dtype} {list(images.shape)}, expected uint8 or float32 [n, channels, height, width]"
        )
    elif 0 in images.shape:
        faults.append(f"images are {list(images.shape)}, which holds no pixels")
    elif image_bytes(images) > LARGEST_IMAGE:
        faults.append(
            f"images are {images.dtype} {list(images.shape)}, {image_bytes(images) / 1e6:,.0f} MB each and more than "
            f"the {LARGEST_IMAGE / 1e6:g} MB that are read"
        )
    elif labels.shape == (n_images,) and (fault := range_fault(images)):
        faults.append(fault)
    if labels.ndim != 1 or labels.dtype != np.int64:
        faults.append(f"labels are {labels.dtype} {list(labels.shape)}, expected int64 [n]")
    elif len(labels) != n_images or n_images == 0:
        faults.append(f"{n_images} images but {len(labels)} labels")
    elif labels.min() < 0:
        faults.append(f"the smallest label is {labels.min()}, expected classes 0, 1, ...")
    elif labels.max() >= MOST_CLASSES:
        faults.append(f"the largest label is {labels.max()}, expected classes below {MOST_CLASSES}")
    if faults:
        raise UserError(f"{where}: {'; '.join(faults)}")


def image_bytes(images: Any) -> int:
    """Return how many bytes one image takes."""
    return math.prod(map(int, images.shape[1:])) * int(images.dtype.itemsize)


def images_together(images: Any, most: int) -> int:
    """Return how many images, at most ``most``, are read together, so that memory does not grow with their size."""
    return max(1, min(most, BLOCK_BYTES // max(1, image_bytes(images))))


def range_fault(images: Any) -> str | None:
    """Return what is wrong with the range of images, if anything; float ones must be in [0, 1]. Read in parts."""
    if images.dtype != np.float32:
        return None
    lows, highs, together = [np.inf], [-np.inf], images_together(images, 512)
    for first in range(0, len(images), together):
        block = images[first : first + together]
        lows.append(block.min(initial=np.inf))
        highs.append(block.max(initial=-np.inf))
    low, high = float(np.min(lows)), float(np.max(highs))  # not a number where one is not
    return None if low >= 0 and high <= 1 else f"float images range over [{low:.3g}, {high:.3g}], expected [0, 1]"
