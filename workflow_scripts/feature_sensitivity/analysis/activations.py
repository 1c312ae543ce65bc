"""How often and how strongly features are active, without attack and under one (Bai et al. 2021)."""

from collections.abc import Mapping

import numpy as np

from feature_sensitivity.analysis.measured_features import Floats, Measure

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


def _over_images(values: Measure) -> Measure:
    return lambda features: values(features).mean(axis=0)


def _over_classes(values: Measure) -> Measure:
    return lambda features: features.class_means(values(features))


MEASURES: Mapping[str, Measure] = {
    **{name: _over_images(values) for name, values in VALUES.items()},
    **{f"class_{name}": _over_classes(values) for name, values in VALUES.items()},
}
