"""How features move in the ball, from their extremes there. docs/measures.md has the formulas.

PGD finds lower bounds of the true movements, and so are these.
"""

import numpy as np
from numpy.typing import NDArray

from feature_sensitivity.analysis.class_means import class_means
from feature_sensitivity.analysis.measured_features import MeasuredFeatures

Floats = NDArray[np.float64]


def ratio(first: Floats, second: Floats) -> Floats:
    """Return the ratio of two arrays, NaN where the second is 0."""
    return np.divide(first, second, out=np.full_like(first, np.nan), where=second != 0)


def sensitivity(features: MeasuredFeatures) -> Floats:
    """Return the mean movement over images, times the feature's weight (Hu et al. 2022, Definition 2)."""
    return features.movement.mean(axis=0) * features.factor


def sensitivity_standard_error(features: MeasuredFeatures) -> Floats:
    """Return the standard error of :func:`sensitivity` over images; NaN for one image."""
    n_images = len(features.movement)
    if n_images < 2:
        return np.full_like(features.factor, np.nan)
    return features.movement.std(axis=0, ddof=1) / np.sqrt(n_images) * features.factor


def sensitivity_raw(features: MeasuredFeatures) -> Floats:
    """Return the mean movement over images, without weights."""
    return features.movement.mean(axis=0)


def sensitivity_quantile(features: MeasuredFeatures, share: float) -> Floats:
    """Return a quantile of the weighted movement over images."""
    return np.asarray(np.quantile(features.movement, share, axis=0) * features.factor)


def class_sensitivity(features: MeasuredFeatures) -> Floats:
    """Return :func:`sensitivity` over the images of each class, [n_classes, n_features]."""
    return class_means(features.movement, features.label, features.n_classes) * features.factor


def standard_deviation(features: MeasuredFeatures) -> Floats:
    """Return the standard deviation of the clean feature over images (divisor n)."""
    return np.asarray(features.clean.std(axis=0))


def relative_sensitivity(features: MeasuredFeatures) -> Floats:
    """Return the mean larger movement in standard deviations of the clean feature; NaN for a constant feature."""
    return ratio(features.largest_movement.mean(axis=0), standard_deviation(features))


def local_lipschitz(features: MeasuredFeatures) -> Floats:
    """Return the mean larger movement divided by epsilon (an empirical local Lipschitz constant, Yang et al. 2020)."""
    return features.largest_movement.mean(axis=0) / features.epsilon


def upward_movement(features: MeasuredFeatures) -> Floats:
    """Return the mean of maximum less clean value."""
    return (features.maximum - features.clean).mean(axis=0)


def downward_movement(features: MeasuredFeatures) -> Floats:
    """Return the mean of clean value less minimum."""
    return (features.clean - features.minimum).mean(axis=0)


def upward_share(features: MeasuredFeatures) -> Floats:
    """Return the upward movement as a share of both; NaN for a feature that does not move."""
    up = upward_movement(features)
    return ratio(up, up + downward_movement(features))


def switch_on_share(features: MeasuredFeatures) -> Floats:
    """Return the share of images at which the feature is off, 0 or less, and can be switched on."""
    return ((features.clean <= 0) & (features.maximum > 0)).mean(axis=0)


def switch_off_share(features: MeasuredFeatures) -> Floats:
    """Return the share of images at which the feature is on, above 0, and can be switched off."""
    return ((features.clean > 0) & (features.minimum <= 0)).mean(axis=0)


def gradient_norm(features: MeasuredFeatures) -> Floats:
    """Return the mean over images of the gradient's dual norm at the image: l1 in an l_inf ball, l2 in an l2 one."""
    return features.gradient_norm.mean(axis=0)


def linearity(features: MeasuredFeatures) -> Floats:
    """Return the mean larger movement over what a linear feature with this gradient would move: 1 is linear.

    NaN where the gradient is zero at every image.
    """
    return ratio(features.largest_movement.mean(axis=0), features.epsilon * gradient_norm(features))


def neuron_sensitivity(features: MeasuredFeatures) -> Floats:
    """Return the mean distance between clean and attacked value, where the attack is on the classification.

    Zhang et al. (2019); for a feature that is one number, the vulnerability of Madaan et al. (2020) is the same.
    """
    return np.abs(features.attacked - features.attacked_from).mean(axis=0)


def used_share(features: MeasuredFeatures) -> Floats:
    """Return :func:`neuron_sensitivity` over the mean larger movement: what the attack on the classifier uses of it."""
    return ratio(neuron_sensitivity(features), features.largest_movement.mean(axis=0))
