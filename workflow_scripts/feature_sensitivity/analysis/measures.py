"""Every measure of features by its name, and the table of all of them. docs/measures.md has the formulas.

Movements in the ball are taken from the extremes of features there; PGD finds lower bounds of the true ones, and so are
they. Usefulness is in a module of its own.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from feature_sensitivity.analysis import usefulness
from feature_sensitivity.analysis.estimates import QUANTILES, quantile_name
from feature_sensitivity.analysis.measured_features import Floats, Measure, MeasuredFeatures
from feature_sensitivity.config.measures import CLASS_MEASURES, MEASURES, MOST_CLASSES

logger = logging.getLogger(__name__)

DIGITS = "%.7g"
"""As many digits as a float32 has."""

THRESHOLD = 0.01
"""A feature is active where it is above this share of the largest value of all features."""


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


def is_active(values: Floats) -> Floats:
    """Return 1 where a feature [n_images, n_features] is active, else 0."""
    return (values > THRESHOLD * max(float(values.max()), 0.0)).astype(np.float64)


ACTIVATIONS: Mapping[str, Measure] = {
    "activation_frequency": lambda features: is_active(features.clean),
    "activation_magnitude": lambda features: features.clean,
    "attacked_activation_frequency": lambda features: is_active(features.attacked),
    "attacked_activation_magnitude": lambda features: features.attacked,
}
"""What is averaged over images, [n_images, n_features]: whether a feature is active, or its value (Bai et al. 2021)."""


def _over_images(values: Measure) -> Measure:
    return lambda features: values(features).mean(axis=0)


def _over_classes(values: Measure) -> Measure:
    return lambda features: features.class_means(values(features))


FORMULAS: dict[str, Measure] = {
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
    **{name: _over_images(values) for name, values in ACTIVATIONS.items()},
    **{f"class_{name}": _over_classes(values) for name, values in ACTIVATIONS.items()},
    **usefulness.MEASURES,
}
FUNCTIONS: Mapping[str, Measure] = {name: FORMULAS[name] for name in (*MEASURES, *CLASS_MEASURES)}
"""In the order of the table."""


def measure_table(
    features: MeasuredFeatures, feature_index: NDArray[np.int64], *, measures: Sequence[str] | None
) -> pd.DataFrame:
    """Return a row for each measure and feature: ``feature``, ``measure``, ``value``.

    ``features``: of one model at one epsilon. ``feature_index``: which features of the network these are, [n_features].
    ``measures``: their names; None for all, of which those for each class are left out where there are many classes.
    """
    names, values = zip(*_columns(features, chosen_measures(measures, features.n_classes)), strict=True)
    return pd.DataFrame(
        {
            "feature": np.tile(feature_index, len(names)),
            "measure": np.repeat(names, len(feature_index)),
            "value": np.concatenate(values),
        }
    )


def chosen_measures(measures: Sequence[str] | None, n_classes: int) -> list[str]:
    """Return the names to compute, in the order of ``FUNCTIONS``; ``measures`` as in the config."""
    if measures is not None:
        return [name for name in FUNCTIONS if name in measures]
    if n_classes <= MOST_CLASSES:
        return list(FUNCTIONS)
    logger.info(
        "measures for each of %d classes are left out of the table; name them in measures to have them", n_classes
    )
    return [name for name in FUNCTIONS if name not in CLASS_MEASURES]


def _columns(features: MeasuredFeatures, names: Sequence[str]) -> Iterator[tuple[str, Floats]]:
    for name in names:
        values = FUNCTIONS[name](features)
        if values.ndim == 1:
            yield name, values
        else:
            yield from ((f"{name}_{number}", of_class) for number, of_class in enumerate(values))
