"""How often and how strongly features are active, without attack and under one (Bai et al. 2021)."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

from feature_sensitivity.analysis.class_means import class_means
from feature_sensitivity.analysis.measured_features import MeasuredFeatures

Floats = NDArray[np.float64]
Measure = Callable[[MeasuredFeatures], Floats]

THRESHOLD = 0.01
"""A feature is active where it is above this share of the largest value of all features."""


def is_active(values: Floats) -> Floats:
    """Return 1 where a feature [n_images, n_features] is active, else 0."""
    return (values > THRESHOLD * max(float(values.max()), 0.0)).astype(np.float64)


VALUES: Mapping[str, Measure] = {
    "activation_frequency": lambda features: is_active(features.clean),
    "activation_magnitude": lambda features: features.clean,
    "attacked_activation_frequency": lambda features: is_active(features.attacked),
    "attacked_activation_magnitude": lambda features: features.attacked,
}
"""What each measure averages over images, [n_images, n_features]: whether the feature is active, or its value."""


def activation(features: MeasuredFeatures, *, measure: str) -> Floats:
    """Return the mean over all images, [n_features]."""
    return VALUES[measure](features).mean(axis=0)


def class_activation(features: MeasuredFeatures, *, measure: str) -> Floats:
    """Return the mean over the images of each class, [n_classes, n_features]."""
    return class_means(VALUES[measure](features), features.label, features.n_classes)
