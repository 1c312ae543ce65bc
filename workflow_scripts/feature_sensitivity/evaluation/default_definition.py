"""The default definition of sensitivity: what a sensitivity file stores and what decides how many images are enough.

The other definitions are derived from the stored feature extrema in :mod:`.sensitivity`. They live apart, so that a new
one repeats no attack.
"""

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

DEFAULT_DEFINITION = DEFAULT_NORMALIZATION = "max_abs"


def max_abs_movement(clean: Array, maximum: Array, minimum: Array) -> Array:
    """Return the supremum of |f(x + d) - f(x)| over the ball (Hu et al. 2022, Definition 2), [n_images, n_features]."""
    return np.maximum(maximum - clean, clean - minimum)


def max_abs_weight(weight: Array) -> Array:
    """Return each feature's largest absolute weight over the classes, float32 [n_features].

    1 where no linear layer stands behind the features: there ``weight`` is of no class, [0, n_features].
    """
    return np.abs(weight).max(axis=0) if len(weight) else np.ones(weight.shape[1], np.float32)


def mean_over_images(movement: Array) -> Array:
    """Return the mean of movements [n_images, n_features], float32 [n_features]."""
    return movement.mean(axis=0, dtype=np.float64).astype(np.float32)


def standard_error_over_images(movement: Array) -> Array:
    """Return the standard error of :func:`mean_over_images`, float32 [n_features]; infinite for one image."""
    n_images, n_features = movement.shape
    if n_images < 2:
        return np.full(n_features, np.inf, np.float32)
    return (movement.astype(np.float64).std(axis=0, ddof=1) / np.sqrt(n_images)).astype(np.float32)


def relative_standard_error(clean: Array, maximum: Array, minimum: Array) -> float:
    """Return the largest standard error as a share of its feature's sensitivity, over the features that moved."""
    movement = max_abs_movement(clean, maximum, minimum)
    mean, error = mean_over_images(movement), standard_error_over_images(movement)
    moved = mean > 0
    return float((error[moved] / mean[moved]).max(initial=0.0))


def derived_arrays(movement: Array, factor: Array) -> dict[str, Array]:
    """Return the arrays of a sensitivity file that follow from movements [n_images, n_features] and weight factors."""
    raw, error = mean_over_images(movement), standard_error_over_images(movement)
    return {"sensitivity": raw * factor, "sensitivity_raw": raw, "standard_error": error * factor}
