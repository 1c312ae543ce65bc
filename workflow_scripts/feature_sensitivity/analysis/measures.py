"""Every measure of features by its name, and the table of all of them. docs/measures.md defines each."""

import logging
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from feature_sensitivity.analysis import activations, movements, usefulness
from feature_sensitivity.analysis.measured_features import Floats, Measure, MeasuredFeatures
from feature_sensitivity.config.measures import CLASS_MEASURES, MEASURES, MOST_CLASSES

logger = logging.getLogger(__name__)

DIGITS = "%.7g"
"""As many digits as a float32 has."""

_ALL = {**movements.MEASURES, **activations.MEASURES, **usefulness.MEASURES}
FUNCTIONS: Mapping[str, Measure] = {name: _ALL[name] for name in (*MEASURES, *CLASS_MEASURES)}
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
