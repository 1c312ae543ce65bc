"""Sums and means over the images of each class."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def class_sums(values: Floats, label: NDArray[np.int64], n_classes: int) -> Floats:
    """Return the sum of values [n_images, n_features] over the images of each class, [n_classes, n_features]."""
    belongs = label == np.arange(n_classes)[:, None]
    return belongs.astype(np.float64) @ values


def class_means(values: Floats, label: NDArray[np.int64], n_classes: int) -> Floats:
    """Return the mean over the images of each class, [n_classes, n_features]; NaN for a class without images."""
    counts = np.bincount(label, minlength=n_classes)[:, None]
    with np.errstate(invalid="ignore"):
        return np.asarray(class_sums(values, label, n_classes) / counts)
