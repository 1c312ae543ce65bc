"""Useful and robustly useful features (Ilyas et al. 2019; Hu et al. 2022, Section 2), one class against the rest.

A feature f is standardized to z with mean 0 and variance 1 over the images. For a class, y is 1 at its images and -1
at all others; then rho = E[y z] says how useful f is for the class, and gamma = E[inf over the ball of y z] how useful
it stays under attack. The infimum is the stored minimum where y is 1 and the negative maximum where y is -1. PGD's
extremes are less far out than the true ones, so gamma is overestimated: some features that count as robustly useful
are not.

Each is a mean over images and has Student's t interval, with the standard error of its influence function (Hampel
1974), since the mean and the standard deviation that standardize a feature are estimates, too. It is judged for every
class, so each interval is widened to hold for all classes together (Bonferroni).
"""

from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import scipy
from numpy.typing import NDArray

from feature_sensitivity.analysis.estimates import CONFIDENCE
from feature_sensitivity.analysis.measured_features import MeasuredFeatures

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

NOT_USEFUL, NON_ROBUST, ROBUST = 0, 1, 2
"""Kinds of features: not shown to be useful for any class, useful for one but not robustly, robustly useful for one."""


@dataclass(frozen=True)
class ClassMeans:
    """A mean over ``n_images`` images for each class and feature, and its standard error: [n_classes, n_features].

    NaN for a class without images, and for a feature that is the same at all of them.
    """

    mean: Floats
    error: Floats
    n_images: int

    @property
    def n_judged(self) -> int:
        """Return how many classes have images; 1 at least."""
        return max(1, int(np.isfinite(self.mean).any(axis=1).sum()))

    def interval(self, n_judgements: int) -> tuple[Floats, Floats]:
        """Return the ends of intervals so wide that so many of them hold together at 95 %."""
        tail = (1 - CONFIDENCE) / 2 / n_judgements
        half = (
            scipy.stats.t.isf(tail, self.n_images - 1) * self.error
            if self.n_images > 1
            else np.full_like(self.error, np.nan)
        )
        return self.mean - half, self.mean + half

    @cached_property
    def _best(self) -> NDArray[np.int64]:
        return np.where(np.isfinite(self.mean), self.mean, -np.inf).argmax(axis=0)

    @property
    def best_class(self) -> Floats:
        """Return the class of the largest mean, [n_features]; NaN where there is none."""
        return np.where(np.isfinite(self.best), self._best, np.nan)

    @property
    def best(self) -> Floats:
        """Return the largest mean of each feature, [n_features]."""
        return self.at_best(self.mean)

    @property
    def best_interval(self) -> tuple[Floats, Floats]:
        """Return the ends of the interval of :attr:`best`, which holds for all classes together."""
        low, high = self.interval(self.n_judged)
        return self.at_best(low), self.at_best(high)

    def at_best(self, values: Floats) -> Floats:
        """Return values [n_classes, n_features] at the best class of each feature, [n_features]."""
        return np.asarray(np.take_along_axis(values, self._best[None], axis=0)[0])


@dataclass(frozen=True)
class Usefulness:
    """``rho`` and ``gamma`` of all features for all classes."""

    rho: ClassMeans
    gamma: ClassMeans

    def kinds(self) -> NDArray[np.int64]:
        """Return the kind of each feature, [n_features], judged at 95 % for all classes together."""
        n = self.rho.n_judged
        is_useful, is_robust = self.shown_useful(n), self.shown_robust(n)
        return np.where(is_robust, ROBUST, np.where(is_useful, NON_ROBUST, NOT_USEFUL))

    def shown_useful(self, n_judgements: int) -> Bools:
        """Return which features have a rho clearly above 0 for some class, [n_features]."""
        return np.asarray((self.rho.interval(n_judgements)[0] > 0).any(axis=0))

    def shown_robust(self, n_judgements: int) -> Bools:
        """Return which features have both clearly above 0 for one class, [n_features]."""
        low, robust_low = self.rho.interval(n_judgements)[0], self.gamma.interval(n_judgements)[0]
        return np.asarray(((low > 0) & (robust_low > 0)).any(axis=0))

    def shown_not_robust(self, n_judgements: int) -> Bools:
        """Return which features have a gamma clearly below 0 for every class, [n_features]."""
        high = self.gamma.interval(n_judgements)[1]
        known = np.isfinite(self.gamma.mean).any(axis=1)
        return np.asarray((high[known] < 0).all(axis=0) & known.any())


@lru_cache(maxsize=1)
def usefulness_of(features: MeasuredFeatures) -> Usefulness:
    """Return rho and gamma of all features for all classes."""
    mean, std = features.clean.mean(axis=0), features.clean.std(axis=0)
    scale = np.where(std > 0, std, np.nan)
    clean, low, high = ((values - mean) / scale for values in (features.clean, features.minimum, features.maximum))
    signs = np.where(features.label == np.arange(features.n_classes)[:, None], 1.0, -1.0)
    return Usefulness(rho=signed_means(clean, clean, clean, signs), gamma=signed_means(low, high, clean, signs))


def signed_means(low: Floats, high: Floats, clean: Floats, signs: Floats) -> ClassMeans:
    """Return, for each class, the mean over images of ``low`` where its sign is 1 and of -``high`` where it is -1.

    ``low``, ``high``, ``clean``: standardized features under attack and without, [n_images, n_features]. ``signs``:
    [n_classes, n_images].
    """
    n_images = clean.shape[0]
    means, errors = (np.full((len(signs), clean.shape[1]), np.nan) for _ in range(2))
    for c, sign in enumerate(signs):
        if (sign < 0).all():
            continue
        values = np.where(sign[:, None] > 0, low, -high)
        means[c] = values.mean(axis=0)
        # An image moves the mean and the standard deviation of the feature, and with them the values at all images.
        influence = values - means[c] - sign.mean() * clean - means[c] / 2 * (clean**2 - 1)
        errors[c] = np.sqrt((influence**2).mean(axis=0) / max(n_images - 1, 1))
    return ClassMeans(means, errors, n_images)


def usefulness(features: MeasuredFeatures) -> Floats:
    """Return rho for the class for which it is largest."""
    return usefulness_of(features).rho.best


def usefulness_low(features: MeasuredFeatures) -> Floats:
    """Return the lower end of the interval of :func:`usefulness`, which holds for all classes together."""
    return usefulness_of(features).rho.best_interval[0]


def usefulness_high(features: MeasuredFeatures) -> Floats:
    """Return the upper end of that interval."""
    return usefulness_of(features).rho.best_interval[1]


def useful_class(features: MeasuredFeatures) -> Floats:
    """Return the class for which rho is largest."""
    return usefulness_of(features).rho.best_class


def robust_usefulness(features: MeasuredFeatures) -> Floats:
    """Return gamma for the class for which it is largest; an overestimate."""
    return usefulness_of(features).gamma.best


def robust_usefulness_low(features: MeasuredFeatures) -> Floats:
    """Return the lower end of the interval of :func:`robust_usefulness`, which holds for all classes together."""
    return usefulness_of(features).gamma.best_interval[0]


def robust_usefulness_high(features: MeasuredFeatures) -> Floats:
    """Return the upper end of that interval."""
    return usefulness_of(features).gamma.best_interval[1]


def robustly_useful_class(features: MeasuredFeatures) -> Floats:
    """Return the class for which gamma is largest."""
    return usefulness_of(features).gamma.best_class


def usefulness_kind(features: MeasuredFeatures) -> Floats:
    """Return 2 for a robustly useful feature, 1 for a useful one that is not shown to be robust, 0 for any other."""
    return usefulness_of(features).kinds().astype(np.float64)


def class_usefulness(features: MeasuredFeatures) -> Floats:
    """Return rho for every class, [n_classes, n_features]."""
    return usefulness_of(features).rho.mean


def class_robust_usefulness(features: MeasuredFeatures) -> Floats:
    """Return gamma for every class, [n_classes, n_features]; an overestimate."""
    return usefulness_of(features).gamma.mean
