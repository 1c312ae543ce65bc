"""Numbers with their 95 % intervals. docs/claims.md has the coverage of each, as simulations found it."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from feature_sensitivity.analysis.l_moments import l_kurtosis, l_skewness

QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)

CONFIDENCE = 0.95

Floats = NDArray[np.floating]


def quantile_name(share: float) -> str:
    """Return the column of a quantile in tables."""
    return f"q{round(100 * share):02d}"


def describe(values: Floats) -> Mapping[str, float]:
    """Return mean, standard deviation, quantiles, shape and a test of normality of [n] values.

    Shape is skewness and excess kurtosis, and L-skewness and L-kurtosis (Hosking 1990; 0 and 0.123 for a normal
    distribution). The test is that of D'Agostino and Pearson (1973) on skewness and kurtosis; where its p-value is
    small, the values are not a normal sample. It is NaN for fewer than 20 values, for which it is not valid.
    """
    sample = values.astype(np.float64)
    varies = bool(sample.std() > 0)
    shapes = (scipy.stats.skew, scipy.stats.kurtosis, l_skewness, l_kurtosis)
    skewness, kurtosis, *l_shape = (float(shape(sample)) if varies else np.nan for shape in shapes)
    normality = scipy.stats.normaltest(sample).pvalue if varies and len(sample) >= 20 else np.nan
    return {
        "mean": float(sample.mean()),
        "std": float(sample.std(ddof=1)) if len(sample) > 1 else 0.0,
        **{quantile_name(q): float(np.quantile(sample, q)) for q in QUANTILES},
        "skewness": skewness,
        "kurtosis": kurtosis,
        "l_skewness": l_shape[0],
        "l_kurtosis": l_shape[1],
        "normality_p": float(normality),
    }


class Estimate(NamedTuple):
    """A number of a run with its 95 % interval; NaN where the data do not determine it."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3g} ({self.low:.3g} to {self.high:.3g})"


UNKNOWN = Estimate(np.nan, np.nan, np.nan)


Term = tuple[str, float, Floats | NDArray[np.bool_]]
"""A network, a factor, and values [n_seeds, n_images]; images are those of every term, seeds of the network's terms."""


def mean_of_images(*terms: Term) -> Estimate:
    """Return a sum of factors times means over seeds and images, with Student's t interval."""
    value = sum(factor * float(values.mean(dtype=np.float64)) for _, factor, values in terms)
    half = _half_width(terms)
    return Estimate(value, value - half, value + half)


def ratio_of_means(*terms: Term) -> Estimate:
    """Return a product of means to powers, which are the terms' factors, such as 1 and -1 for a ratio.

    Values are 0 or more. The interval is symmetric in the logarithm, which takes most of the skewness that leaves a
    plain t interval short when images are few; the error of the logarithm is that of its linear terms (delta method).
    """
    means = [float(values.mean(dtype=np.float64)) for _, _, values in terms]
    powers = [(mean, factor) for mean, (_, factor, _) in zip(means, terms, strict=True)]
    divisor = float(np.prod([mean**-factor for mean, factor in powers if factor < 0]))
    if divisor == 0:
        return UNKNOWN
    value = float(np.prod([mean**factor for mean, factor in powers if factor > 0])) / divisor
    if value <= 0:
        return Estimate(value, np.nan, np.nan)
    linear = [(network, factor / mean, values) for mean, (network, factor, values) in zip(means, terms, strict=True)]
    width = float(np.exp(_half_width(linear)))
    return Estimate(value, value / width, value * width)


def _half_width(terms: Sequence[Term]) -> float:
    error, degrees = standard_error(terms)
    return float(scipy.stats.t.ppf((1 + CONFIDENCE) / 2, degrees)) * error if error > 0 else error


def standard_error(terms: Sequence[Term]) -> tuple[float, float]:
    """Return the standard error of a sum of means, and its degrees of freedom (Satterthwaite 1946).

    Images and the seeds of each network are crossed random effects (Searle, Casella and McCulloch 1992): the variance
    of the sum over images, plus that over the seeds of each network, less the rest that both contain.
    """
    networks: dict[str, Floats] = {}
    for network, factor, values in terms:
        networks[network] = networks.get(network, 0.0) + factor * values.astype(np.float64)
    images = np.sum([values.mean(axis=0) for values in networks.values()], axis=0)
    n_images = len(images)
    if n_images < 2:
        return np.nan, np.nan
    parts = [(float(np.var(images, ddof=1)) / n_images, n_images - 1)]
    for values in networks.values():
        n_seeds = len(values)
        if n_seeds > 1:
            of_seeds = values.mean(axis=1)
            rest = values - values.mean(axis=0) - of_seeds[:, None] + values.mean()
            degrees = (n_seeds - 1) * (n_images - 1)
            parts.append((float(np.var(of_seeds, ddof=1)) / n_seeds, n_seeds - 1))
            parts.append((-float((rest**2).sum()) / degrees / (n_seeds * n_images), degrees))
    # Less than the largest of its parts the variance cannot be; the difference may be by chance.
    variance = max(sum(part for part, _ in parts), *(part for part, _ in parts))
    if variance <= 1e-30 * max(float(np.abs(images).max()), 1e-30) ** 2:
        return 0.0, float(n_images - 1)
    degrees_of_freedom = variance**2 / sum(part**2 / degrees for part, degrees in parts)
    return float(np.sqrt(variance)), float(degrees_of_freedom)


def jackknife(statistic: Callable[..., NDArray[np.floating]], *samples: Floats) -> Estimate:
    """Return the mean of a smooth statistic over independent samples [n], with its interval.

    ``statistic(values, axis=...)`` is vectorized. Its standard error is that of the jackknife (Tukey 1958), and the
    quantile Student's t.
    """
    values, variances = [], []
    for sample in samples:
        n = len(sample)
        others = np.arange(n - 1) + (np.arange(n - 1) >= np.arange(n)[:, None])
        values.append(float(statistic(sample, axis=-1)))
        variances.append((n - 1) * float(np.var(statistic(sample[others], axis=-1))) if n > 1 else np.nan)
    value, error = float(np.mean(values)), float(np.sqrt(np.sum(variances))) / len(samples)
    half = float(scipy.stats.t.ppf((1 + CONFIDENCE) / 2, max(min(map(len, samples)) - 1, 1))) * error
    return Estimate(value, value - half, value + half)


def from_resamples(value: float, resampled: Floats) -> Estimate:
    """Return a number less its bias, from its values [n] under a bootstrap.

    For what noise makes larger, such as a distance or a count of the positive. The interval reaches as far as
    standard deviation and bias together (Efron and Tibshirani 1993, Chapter 10), since the bias is an estimate, too.
    """
    bias = float(resampled.mean()) - value
    half = float(scipy.stats.norm.ppf((1 + CONFIDENCE) / 2) * resampled.std(ddof=1)) + abs(bias)
    return Estimate(value - bias, value - bias - half, value - bias + half)


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
