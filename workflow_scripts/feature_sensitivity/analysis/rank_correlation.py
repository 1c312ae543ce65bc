"""Spearman's rank correlation with its interval."""

import math

import numpy as np
import scipy
from numpy.typing import ArrayLike

from feature_sensitivity.analysis.estimates import CONFIDENCE, Estimate

FEWEST = 5
"""Pairs below which an interval says nothing."""


def rank_correlation(first: ArrayLike, second: ArrayLike) -> Estimate:
    """Return Spearman's rank correlation of two numbers of n objects, each [n], with the interval of Bonett and Wright.

    That is Fisher's transformation with standard error sqrt((1 + r^2 / 2) / (n - 3)) (Bonett and Wright 2000). Where
    all ranks agree, or all are opposed, it takes r as half a swap of neighbours short of that, so that the interval has
    a width. NaN where one of the numbers does not vary; without an interval for fewer than ``FEWEST`` objects.
    """
    one, other = np.asarray(first, np.float64), np.asarray(second, np.float64)
    n = len(one)
    if n < 2 or np.ptp(one) == 0 or np.ptp(other) == 0:
        return Estimate(math.nan, math.nan, math.nan)
    value = float(np.clip(scipy.stats.spearmanr(one, other).statistic, -1, 1))
    if n < FEWEST:
        return Estimate(value, math.nan, math.nan)
    largest = 1 - 6 / (n * (n**2 - 1))  # a swap of neighbours makes the squared differences of ranks add up to 2
    middle = math.atanh(max(-largest, min(value, largest)))
    half = float(scipy.stats.norm.ppf((1 + CONFIDENCE) / 2)) * math.sqrt((1 + value**2 / 2) / (n - 3))
    return Estimate(value, min(value, math.tanh(middle - half)), max(value, math.tanh(middle + half)))
