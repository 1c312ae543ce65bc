"""How far apart the distributions of two models' sensitivities are."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from feature_sensitivity.analysis.estimates import UNKNOWN, Estimate, from_resamples

Floats = NDArray[np.floating]

RESAMPLES = 1000


class Pair(NamedTuple):
    """Two samples, or resamples of them: all their distinct values, ascending [n], and the shares of each [..., n]."""

    values: Floats
    first: Floats
    second: Floats

    @property
    def gaps(self) -> Floats:
        """Return the distance of the two distribution functions up to each value, [..., n]."""
        return np.cumsum(self.first - self.second, axis=-1)


def cliffs_delta(pair: Pair) -> Floats:
    """Return how much oftener a value of the first is the larger than the smaller one (Cliff 1993), in [-1, 1]."""
    up_to = np.cumsum(pair.second, axis=-1)
    return np.asarray((pair.first * (2 * up_to - pair.second - 1)).sum(axis=-1))


def kolmogorov_smirnov(pair: Pair) -> Floats:
    """Return the largest distance of the two distribution functions, in [0, 1]."""
    return np.asarray(np.abs(pair.gaps).max(axis=-1))


def wasserstein(pair: Pair) -> Floats:
    """Return the Wasserstein distance in standard deviations: the root of the mean of both variances."""
    distance = (np.abs(pair.gaps)[..., :-1] * np.diff(pair.values)).sum(axis=-1)
    middle = pair.values.mean()
    moments = [(shares @ (pair.values - middle), shares @ (pair.values - middle) ** 2) for shares in pair[1:]]
    variance = sum(second - first**2 for first, second in moments) / 2
    return np.divide(distance, np.sqrt(variance), out=np.full_like(distance, np.nan), where=variance > 0)


DISTANCES: Mapping[str, Callable[[Pair], Floats]] = {
    "Cliff's delta": cliffs_delta,
    "Kolmogorov-Smirnov distance": kolmogorov_smirnov,
    "Wasserstein distance in standard deviations": wasserstein,
}


def distances(first: Floats, second: Floats) -> dict[str, Estimate]:
    """Return each distance of two models' sensitivities [n_seeds, n_features], the mean over seeds.

    Bootstrap over features, of each model and seed on its own. A model without replicates is compared with each seed
    of the other.
    """
    rng = np.random.default_rng(0)
    n_seeds = max(len(first), len(second))
    pairs = [_with_resamples(first[n % len(first)], second[n % len(second)], rng) for n in range(n_seeds)]
    found = {}
    for name, distance in DISTANCES.items():
        values = np.mean([distance(pair) for pair in pairs], axis=0)
        found[name] = from_resamples(float(values[0]), values[1:]) if np.isfinite(values).all() else UNKNOWN
    return found


def _with_resamples(first: Floats, second: Floats, rng: np.random.Generator) -> Pair:
    """Return two samples, and after them their resamples, [1 + n_resamples, n]."""
    values, places = np.unique(np.concatenate([first, second]), return_inverse=True)
    shares = []
    for of_sample in np.split(places, [len(first)]):
        share = np.bincount(of_sample, minlength=len(values)) / len(of_sample)
        drawn = rng.multinomial(len(of_sample), share, size=RESAMPLES) / len(of_sample)
        shares.append(np.vstack([share, drawn]))
    return Pair(values, *shares)
