"""How features move in the ball, from their extremes there. docs/measures.md has the formulas.

PGD finds lower bounds of the true movements, and so are these.
"""

from collections.abc import Mapping

import numpy as np

from feature_sensitivity.analysis.estimates import QUANTILES, quantile_name
from feature_sensitivity.analysis.measured_features import Floats, Measure, MeasuredFeatures


def ratio(first: Floats, second: Floats) -> Floats:
    """Return the ratio of two arrays, NaN where the second is 0."""
    return np.divide(first, second, out=np.full_like(first, np.nan), where=second != 0)


def sensitivity_standard_error(features: MeasuredFeatures) -> Floats:
    """Return the standard error of the sensitivity over images; NaN for one image."""
    n_images = len(features.movement)
    if n_images < 2:
        return np.full_like(features.factor, np.nan)
    return features.movement.std(axis=0, ddof=1) / np.sqrt(n_images) * features.factor


def sensitivity_quantile(share: float) -> Measure:
    """Return the measure that is a quantile of the weighted movement over images."""
    return lambda features: np.asarray(np.quantile(features.movement, share, axis=0) * features.factor)


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


def larger_movement(features: MeasuredFeatures) -> Floats:
    """Return the mean of the larger of the two movements."""
    return features.largest_movement.mean(axis=0)


def neuron_sensitivity(features: MeasuredFeatures) -> Floats:
    """Return the mean distance between clean and attacked value, where the attack is on the classification.

    Zhang et al. (2019); for a feature that is one number, the vulnerability of Madaan et al. (2020) is the same.
    """
    return np.abs(features.attacked - features.attacked_from).mean(axis=0)


MEASURES: Mapping[str, Measure] = {
    # The mean movement over images, times the feature's weight (Hu et al. 2022, Definition 2).
    "sensitivity": lambda f: f.movement.mean(axis=0) * f.factor,
    "sensitivity_standard_error": sensitivity_standard_error,
    "sensitivity_raw": lambda f: f.movement.mean(axis=0),
    **{f"sensitivity_{quantile_name(share)}": sensitivity_quantile(share) for share in QUANTILES},
    "class_sensitivity": lambda f: f.class_means(f.movement) * f.factor,
    "standard_deviation": lambda f: np.asarray(f.clean.std(axis=0)),
    # In standard deviations of the clean feature; NaN for a constant one.
    "relative_sensitivity": lambda f: ratio(larger_movement(f), f.clean.std(axis=0)),
    # An empirical local Lipschitz constant (Yang et al. 2020).
    "local_lipschitz": lambda f: larger_movement(f) / f.epsilon,
    "upward_movement": upward_movement,
    "downward_movement": downward_movement,
    "upward_share": upward_share,
    # Of the images at which the feature is off, 0 or less, and can be switched on; and the other way round.
    "switch_on_share": lambda f: ((f.clean <= 0) & (f.maximum > 0)).mean(axis=0),
    "switch_off_share": lambda f: ((f.clean > 0) & (f.minimum <= 0)).mean(axis=0),
    # Shares of the images at which it has no gradient, and its greatest value.
    "zero_gradient": lambda f: f.zero_gradient,
    "at_cap": lambda f: f.at_cap,
    # The dual norm of the gradient at the image: l1 in an l_inf ball, l2 in an l2 one.
    "gradient_norm": lambda f: f.gradient_norm.mean(axis=0),
    # Over what a linear feature with this gradient would move: 1 is linear; NaN where it is zero at every image.
    "linearity": lambda f: ratio(larger_movement(f), f.epsilon * f.gradient_norm.mean(axis=0)),
    "neuron_sensitivity": neuron_sensitivity,
    # What the attack on the classifier uses of the movement.
    "used_share": lambda f: ratio(neuron_sensitivity(f), larger_movement(f)),
}
"""Measures by their names."""
