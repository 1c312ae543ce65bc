"""Numbers with their intervals, and the statistics of a sample."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)

CONFIDENCE = 0.95


def quantile_name(share: float) -> str:
    """Return the column of a quantile in tables."""
    return f"q{round(100 * share):02d}"


def describe(values: NDArray[np.floating]) -> Mapping[str, float]:
    """Return mean, standard deviation, quantiles, skewness, excess kurtosis and a test of normality of [n] values.

    The test is that of D'Agostino and Pearson (1973) on skewness and kurtosis; where its p-value is small,
    the values are not a normal sample. It is NaN for fewer than 20 values, for which it is not valid.
    """
    sample = values.astype(np.float64)
    varies = bool(sample.std() > 0)
    normality = scipy.stats.normaltest(sample).pvalue if varies and len(sample) >= 20 else np.nan
    return {
        "mean": float(sample.mean()),
        "std": float(sample.std(ddof=1)) if len(sample) > 1 else 0.0,
        **{quantile_name(q): float(np.quantile(sample, q)) for q in QUANTILES},
        "skewness": float(scipy.stats.skew(sample)) if varies else np.nan,
        "kurtosis": float(scipy.stats.kurtosis(sample)) if varies else np.nan,
        "normality_p": float(normality),
    }


class Estimate(NamedTuple):
    """A number of a run with its 95 % interval; NaN where the data do not determine it."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3g} ({self.low:.3g} to {self.high:.3g})"


RESAMPLES = 2000


def bootstrap(statistic: Callable[..., NDArray[np.floating]], *samples: NDArray[np.floating]) -> Estimate:
    """Return a statistic of samples [n] with its percentile bootstrap interval (Efron 1979).

    ``statistic(*samples, axis=...)`` is vectorized. Several samples are paired: an image that is drawn is
    drawn in all of them. The resamples are the same in every run.
    """
    exact = [sample.astype(np.float64) for sample in samples]
    value = float(statistic(*exact, axis=-1))
    if len(exact[0]) < 2 or not np.isfinite(value):
        return Estimate(value, np.nan, np.nan)
    interval = scipy.stats.bootstrap(
        exact,
        statistic,
        paired=True,
        n_resamples=RESAMPLES,
        confidence_level=CONFIDENCE,
        method="percentile",
        rng=np.random.default_rng(0),
    ).confidence_interval
    return Estimate(value, float(interval.low), float(interval.high))


def mean_ratio(first: NDArray[np.floating], second: NDArray[np.floating], axis: int = -1) -> NDArray[np.floating]:
    """Return the ratio of two means along ``axis``; NaN or infinite where the second is 0."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray(first.mean(axis) / second.mean(axis))


def combination(*terms: tuple[float, Estimate]) -> Estimate:
    """Return the sum of coefficient times estimate, with its interval (MOVER: Zou and Donner 2008).

    For a difference of two shares with Wilson intervals it is Newcombe's (1998) interval. It takes the
    estimates as independent, which for accuracies on the same images errs on the wide side.
    """
    value = sum(factor * estimate.value for factor, estimate in terms)
    scaled = [(factor * e.value, *sorted((factor * e.low, factor * e.high))) for factor, e in terms]
    below = np.sqrt(sum((middle - low) ** 2 for middle, low, _ in scaled))
    above = np.sqrt(sum((high - middle) ** 2 for middle, _, high in scaled))
    return Estimate(value, float(value - below), float(value + above))
