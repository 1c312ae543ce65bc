"""Statistics of accuracies and sensitivities."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
CONFIDENCE = 0.95


class Interval(NamedTuple):
    """A confidence interval."""

    low: float
    high: float


def wilson_interval(n_correct: int, n_images: int) -> Interval:
    """Wilson's (1927) 95 % interval of a share."""
    interval = stats.binomtest(n_correct, n_images).proportion_ci(CONFIDENCE, method="wilson")
    return Interval(float(interval.low), float(interval.high))


def describe(values: NDArray[np.floating]) -> Mapping[str, float]:
    """Mean, standard deviation, quantiles, skewness, excess kurtosis, and a test of normality, of [n] values.

    The test is that of D'Agostino and Pearson (1973) on skewness and kurtosis; where its p-value is small,
    the values are not a normal sample. It is NaN for fewer than 20 values, for which it is not valid.
    """
    sample = values.astype(np.float64)
    varied = bool(sample.std() > 0)
    normality = stats.normaltest(sample).pvalue if varied and len(sample) >= 20 else np.nan
    return {
        "mean": float(sample.mean()),
        "std": float(sample.std(ddof=1)) if len(sample) > 1 else 0.0,
        **{f"q{round(100 * q):02d}": float(np.quantile(sample, q)) for q in QUANTILES},
        "skewness": float(stats.skew(sample)) if varied else np.nan,
        "kurtosis": float(stats.kurtosis(sample)) if varied else np.nan,
        "normality_p": float(normality),
    }
