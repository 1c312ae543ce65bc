"""How often and how strongly features are active, without attack and under one (Bai et al. 2021)."""

import numpy as np
from numpy.typing import NDArray

from feature_sensitivity.analysis.class_means import class_means
from feature_sensitivity.analysis.measured_features import MeasuredFeatures

Floats = NDArray[np.float64]

THRESHOLD = 0.01
"""A feature is active where it is above this share of the largest value of all features."""


def is_active(values: Floats) -> Floats:
    """Return 1 where a feature [n_images, n_features] is active, else 0."""
    return (values > THRESHOLD * max(float(values.max()), 0.0)).astype(np.float64)


def activation_frequency(features: MeasuredFeatures) -> Floats:
    """Return the share of images at which the feature is active."""
    return is_active(features.clean).mean(axis=0)


def activation_magnitude(features: MeasuredFeatures) -> Floats:
    """Return the mean value of the feature."""
    return features.clean.mean(axis=0)


def attacked_activation_frequency(features: MeasuredFeatures) -> Floats:
    """Return the share of attacked images at which the feature is active."""
    return is_active(features.attacked).mean(axis=0)


def attacked_activation_magnitude(features: MeasuredFeatures) -> Floats:
    """Return the mean value of the feature at attacked images."""
    return features.attacked.mean(axis=0)


def class_activation_frequency(features: MeasuredFeatures) -> Floats:
    """Return the share of each class's images at which the feature is active, [n_classes, n_features]."""
    return class_means(is_active(features.clean), features.label, features.n_classes)


def class_activation_magnitude(features: MeasuredFeatures) -> Floats:
    """Return the mean value of the feature at each class's images, [n_classes, n_features]."""
    return class_means(features.clean, features.label, features.n_classes)


def class_attacked_activation_frequency(features: MeasuredFeatures) -> Floats:
    """Return the share of each class's attacked images at which the feature is active, [n_classes, n_features]."""
    return class_means(is_active(features.attacked), features.label, features.n_classes)


def class_attacked_activation_magnitude(features: MeasuredFeatures) -> Floats:
    """Return the mean value of the feature at each class's attacked images, [n_classes, n_features]."""
    return class_means(features.attacked, features.label, features.n_classes)
