"""L-moments: shape from order statistics, far less dependent on single values than skewness and kurtosis."""

from math import comb

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]

NORMAL_L_KURTOSIS = 0.1226
"""L-kurtosis of a normal distribution (Hosking 1990, Table 1); its L-skewness is 0."""


def l_skewness(values: Floats, axis: int = -1) -> Floats:
    """Return the third L-moment over the second, in (-1, 1); NaN where values do not vary."""
    return _ratio(values, 3, axis)


def l_kurtosis(values: Floats, axis: int = -1) -> Floats:
    """Return the fourth L-moment over the second, in (-1/4, 1); NaN where values do not vary."""
    return _ratio(values, 4, axis)


def _ratio(values: Floats, order: int, axis: int) -> Floats:
    ordered = np.sort(np.moveaxis(np.asarray(values, np.float64), axis, -1), axis=-1)
    n = ordered.shape[-1]
    if n < order:
        return np.full(ordered.shape[:-1], np.nan)
    second, wanted = ordered @ _weights(n, 2), ordered @ _weights(n, order)
    return np.divide(wanted, second, out=np.full_like(second, np.nan), where=second > 0)


def _weights(n: int, order: int) -> Floats:
    """Return the weights of ordered values [n] in their L-moment: shifted Legendre polynomials (Hosking 1990, 3.1)."""
    rank = np.arange(n, dtype=np.float64)
    weights = np.zeros(n)
    power = np.full(n, 1 / n)  # of unbiased probability-weighted moments, from one order to the next
    for k in range(order):
        weights += (-1) ** (order - 1 - k) * comb(order - 1, k) * comb(order - 1 + k, k) * power
        power = power * (rank - k) / (n - 1 - k) if n > k + 1 else power
    return weights
