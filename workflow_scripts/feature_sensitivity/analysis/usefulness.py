"""Useful and robustly useful features (Ilyas et al. 2019; Hu et al. 2022, Section 2), one class against the rest.

A feature f is standardized to z with mean 0 and variance 1 over the images. For a class, y is 1 at its images and -1
at all others; then rho = E[y z] says how useful f is for the class, and gamma = E[inf over the ball of y z] how useful
it stays under attack. The infimum is the stored minimum where y is 1 and the negative maximum where y is -1. PGD's
extremes are less far out than the true ones, so gamma is overestimated: some features that count as robustly useful
are not. One class against the rest weighs the other classes K - 1 to one; balanced, both sides weigh the same, and
rho and gamma are half the difference of the two sides' means.

Each is a mean over images and has Student's t interval, with the standard error of its influence function (Hampel
1974), since the mean and the standard deviation that standardize a feature are estimates, too. It is judged for every
class, so each interval is widened to hold for all classes together (Bonferroni).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

import numpy as np
import scipy
from numpy.typing import NDArray

from feature_sensitivity.analysis.estimates import CONFIDENCE
from feature_sensitivity.analysis.measured_features import Floats, Measure, MeasuredFeatures

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

    def p_above(self) -> Floats:
        """Return the one-sided p-value of a mean of 0 or less against one above 0; NaN where there is no mean."""
        if self.n_images < 2:
            return np.where(np.isfinite(self.mean), 1.0, np.nan)
        with np.errstate(divide="ignore", invalid="ignore"):
            p: Floats = scipy.stats.t.sf(self.mean / self.error, self.n_images - 1)
        # Without any spread there is nothing to judge by.
        return np.where(np.isfinite(self.mean) & (self.error == 0), 1.0, p)

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
        low, robust_low = self.rho.interval(n)[0], self.gamma.interval(n)[0]
        is_useful, is_robust = (low > 0).any(axis=0), ((low > 0) & (robust_low > 0)).any(axis=0)
        return np.where(is_robust, ROBUST, np.where(is_useful, NON_ROBUST, NOT_USEFUL))


@lru_cache(maxsize=1)
def usefulness_of(features: MeasuredFeatures) -> Usefulness:
    """Return rho and gamma of all features for all classes."""
    clean, low, high, signs = standardized(features)
    return Usefulness(rho=signed_means(clean, clean, clean, signs), gamma=signed_means(low, high, clean, signs))


def standardized(features: MeasuredFeatures) -> tuple[Floats, Floats, Floats, Floats]:
    """Return the clean, least and largest standardized features [n_images, n_features], and y [n_classes, n_images].

    NaN for a feature that is the same at all images.
    """
    mean, std = features.clean.mean(axis=0), features.clean.std(axis=0)
    scale = np.where(std > 0, std, np.nan)
    clean, low, high = ((values - mean) / scale for values in (features.clean, features.minimum, features.maximum))
    return clean, low, high, np.where(features.label == np.arange(features.n_classes)[:, None], 1.0, -1.0)


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


def balanced_means(low: Floats, high: Floats, signs: Floats) -> Floats:
    """Return half the mean of ``low`` over a class less half that of ``high`` over the rest, [n_classes, n_features].

    The arguments are those of :func:`signed_means`; NaN for a class that has no images, or all of them.
    """
    own = signs > 0
    n_own = own.sum(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((own @ low / n_own - ~own @ high / (own.shape[1] - n_own)) / 2)


def largest(values: Floats) -> Floats:
    """Return the largest value over classes [n_classes, n_features]; NaN for a feature that has none."""
    found = np.where(np.isfinite(values), values, -np.inf).max(axis=0)
    return np.where(np.isfinite(found), found, np.nan)


def _balanced_rho(features: MeasuredFeatures) -> Floats:
    clean, _, _, signs = standardized(features)
    return largest(balanced_means(clean, clean, signs))


def _balanced_gamma(features: MeasuredFeatures) -> Floats:
    _, low, high, signs = standardized(features)
    return largest(balanced_means(low, high, signs))


MEASURES: Mapping[str, Measure] = {
    # For the class for which rho or gamma is largest; the ends of intervals hold for all classes together.
    "usefulness": lambda features: usefulness_of(features).rho.best,
    "usefulness_low": lambda features: usefulness_of(features).rho.best_interval[0],
    "usefulness_high": lambda features: usefulness_of(features).rho.best_interval[1],
    "useful_class": lambda features: usefulness_of(features).rho.best_class,
    "robust_usefulness": lambda features: usefulness_of(features).gamma.best,
    "robust_usefulness_low": lambda features: usefulness_of(features).gamma.best_interval[0],
    "robust_usefulness_high": lambda features: usefulness_of(features).gamma.best_interval[1],
    "robustly_useful_class": lambda features: usefulness_of(features).gamma.best_class,
    # 2 for a robustly useful feature, 1 for a useful one that is not shown to be robust, 0 for any other.
    "usefulness_kind": lambda features: usefulness_of(features).kinds().astype(np.float64),
    "balanced_usefulness": _balanced_rho,
    "balanced_robust_usefulness": _balanced_gamma,
    "class_usefulness": lambda features: usefulness_of(features).rho.mean,
    "class_robust_usefulness": lambda features: usefulness_of(features).gamma.mean,
}
"""Measures by their names; those from gamma are overestimates."""
