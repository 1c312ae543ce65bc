"""The check that a split is what the common form asks for."""

from typing import Any

import numpy as np

from feature_sensitivity.data.split import Split
from feature_sensitivity.runtime.errors import UserError

CHANGES_NO_RESULT = True
MOST_CLASSES = 100_000
BLOCK = 512
"""Images looked at together."""


def check_split(split: Split, where: str) -> None:
    """Raise :class:`UserError` unless images and labels have the documented shapes, types and ranges."""
    images, labels = split.images, split.labels
    faults = []
    if images.ndim != 4 or images.dtype not in (np.uint8, np.float32):
        faults.append(
            f"images are {images.dtype} {list(images.shape)}, expected uint8 or float32 [n, channels, height, width]"
        )
    elif images.dtype == np.float32:
        low, high = _range(images)
        if not (low >= 0 and high <= 1):
            faults.append(f"float images range over [{low:.3g}, {high:.3g}], expected [0, 1]")
    if labels.ndim != 1 or labels.dtype != np.int64:
        faults.append(f"labels are {labels.dtype} {list(labels.shape)}, expected int64 [n]")
    elif len(labels) != len(images) or len(labels) == 0:
        faults.append(f"{len(images)} images but {len(labels)} labels")
    elif labels.min() < 0:
        faults.append(f"the smallest label is {labels.min()}, expected classes 0, 1, ...")
    elif labels.max() >= MOST_CLASSES:
        faults.append(f"the largest label is {labels.max()}, expected classes below {MOST_CLASSES}")
    if faults:
        raise UserError(f"{where}: {'; '.join(faults)}")


def _range(images: Any) -> tuple[float, float]:
    """Return the smallest and largest pixel, read in parts; not a number where one is not."""
    lows, highs = [np.inf], [-np.inf]
    for first in range(0, len(images), BLOCK):
        block = images[first : first + BLOCK]
        lows.append(block.min(initial=np.inf))
        highs.append(block.max(initial=-np.inf))
    return float(np.min(lows)), float(np.max(highs))
