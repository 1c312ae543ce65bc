"""Sensitivity of features (Hu et al. 2022, Definition 2): derived from the stored extrema, never stored alone."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

# Definition 2 is a supremum of |f(x + d) - f(x)| over the ball, averaged over images.
DEFINITIONS: Mapping[str, Callable[[Array, Array, Array], Array]] = {
    "max_abs": lambda clean, maximum, minimum: np.maximum(maximum - clean, clean - minimum),
    "range": lambda clean, maximum, minimum: maximum - minimum,
}

# The weights of a feature over the classes, [n_classes, n_features], reduced to one factor.
WEIGHT_NORMALIZATIONS: Mapping[str, Callable[[Array], Array]] = {
    "max_abs": lambda weight: np.abs(weight).max(axis=0),
    "l1": lambda weight: np.abs(weight).sum(axis=0),
    "l2": lambda weight: np.sqrt((weight.astype(np.float64) ** 2).sum(axis=0)),
    "range": lambda weight: weight.max(axis=0) - weight.min(axis=0),
    "none": lambda weight: np.ones(weight.shape[1], weight.dtype),
}

DEFAULT_DEFINITION = DEFAULT_NORMALIZATION = "max_abs"
"""What the stored ``sensitivity`` is; :func:`rederived` gives the others from the same file."""


def raw_sensitivity(clean: Array, maximum: Array, minimum: Array, *, definition: str) -> Array:
    """The mean over images of how far each feature can be moved, float32 [n_features].

    The arguments are values [n_images, n_features]; ``definition`` is one of ``DEFINITIONS``.
    """
    return DEFINITIONS[definition](clean, maximum, minimum).mean(axis=0, dtype=np.float64).astype(np.float32)


def standard_error(clean: Array, maximum: Array, minimum: Array, *, definition: str) -> Array:
    """The standard error over images of :func:`raw_sensitivity`, float32 [n_features]; infinite for one image."""
    moved = DEFINITIONS[definition](clean, maximum, minimum).astype(np.float64)
    if len(moved) < 2:
        return np.full(moved.shape[1], np.inf, np.float32)
    return (moved.std(axis=0, ddof=1) / np.sqrt(len(moved))).astype(np.float32)


def relative_standard_error(clean: Array, maximum: Array, minimum: Array, *, definition: str) -> float:
    """The largest standard error as a share of its feature's sensitivity, over the features that moved at all."""
    raw = raw_sensitivity(clean, maximum, minimum, definition=definition)
    error = standard_error(clean, maximum, minimum, definition=definition)
    return float((error[raw > 0] / raw[raw > 0]).max(initial=0.0))


def weight_factor(weight: Array, *, normalization: str) -> Array:
    """By how much each feature counts in the linear layer, float32 [n_features]."""
    return WEIGHT_NORMALIZATIONS[normalization](weight).astype(np.float32)
