"""Every measure of features by its name, and the table of all of them. docs/measures.md defines each."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from operator import attrgetter

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from feature_sensitivity.analysis import activations, movements, usefulness
from feature_sensitivity.analysis.estimates import QUANTILES, quantile_name
from feature_sensitivity.analysis.measured_features import MeasuredFeatures
from feature_sensitivity.config.measures import CLASS_MEASURES, MOST_CLASSES

logger = logging.getLogger(__name__)

Floats = NDArray[np.float64]
Measure = Callable[[MeasuredFeatures], Floats]

DIGITS = "%.7g"
"""As many digits as a float32 has."""

FUNCTIONS: Mapping[str, Measure] = {
    "sensitivity": movements.sensitivity,
    "sensitivity_standard_error": movements.sensitivity_standard_error,
    "sensitivity_raw": movements.sensitivity_raw,
    **{
        f"sensitivity_{quantile_name(share)}": partial(movements.sensitivity_quantile, share=share)
        for share in QUANTILES
    },
    "relative_sensitivity": movements.relative_sensitivity,
    "local_lipschitz": movements.local_lipschitz,
    "upward_movement": movements.upward_movement,
    "downward_movement": movements.downward_movement,
    "upward_share": movements.upward_share,
    "switch_on_share": movements.switch_on_share,
    "switch_off_share": movements.switch_off_share,
    "zero_gradient": attrgetter("zero_gradient"),
    "at_cap": attrgetter("at_cap"),
    "standard_deviation": movements.standard_deviation,
    "gradient_norm": movements.gradient_norm,
    "linearity": movements.linearity,
    "neuron_sensitivity": movements.neuron_sensitivity,
    "used_share": movements.used_share,
    **{name: partial(activations.activation, measure=name) for name in activations.VALUES},
    "usefulness": usefulness.usefulness,
    "usefulness_low": usefulness.usefulness_low,
    "usefulness_high": usefulness.usefulness_high,
    "useful_class": usefulness.useful_class,
    "robust_usefulness": usefulness.robust_usefulness,
    "robust_usefulness_low": usefulness.robust_usefulness_low,
    "robust_usefulness_high": usefulness.robust_usefulness_high,
    "robustly_useful_class": usefulness.robustly_useful_class,
    "usefulness_kind": usefulness.usefulness_kind,
    "balanced_usefulness": usefulness.balanced_usefulness,
    "balanced_robust_usefulness": usefulness.balanced_robust_usefulness,
    "class_sensitivity": movements.class_sensitivity,
    "class_usefulness": usefulness.class_usefulness,
    "class_robust_usefulness": usefulness.class_robust_usefulness,
    **{f"class_{name}": partial(activations.class_activation, measure=name) for name in activations.VALUES},
}
"""Those whose names begin with ``class_`` return [n_classes, n_features], the others [n_features]."""


def measure_table(
    features: MeasuredFeatures, feature_index: NDArray[np.int64], *, measures: Sequence[str] | None
) -> pd.DataFrame:
    """Return a row for each measure and feature: ``feature``, ``measure``, ``value``.

    Args:
        features: of one model at one epsilon.
        feature_index: which features of the network these are, [n_features].
        measures: their names; None for all, of which those for each class are left out where there are many classes.
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
