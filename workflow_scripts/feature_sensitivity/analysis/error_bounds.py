"""Theorem 3 of Hu et al. (2022), corrected: what feature sensitivities say about the robust error.

The printed proof wants all features to behave at once and loses a factor; Markov's inequality on the
weighted sum of movements saves the statement. With s_i(x) the supremum of |f_i(x + d) - f_i(x)| over the
ball, e_i its mean over x, and any tau > 0:

- two classes, decision sign(alpha . f + b):
  Pr[robust error] <= Pr[y (alpha . f + b) < tau] + sum_i |alpha_i| e_i / tau
- K classes, logits z = W f + b, margin M = z_y - max_{c != y} z_c, beta_i = max_c W_ci - min_c W_ci:
  Pr[robust error] <= Pr[M < tau] + sum_i beta_i e_i / tau
- at a point x, with u_i = max f_i - f_i(x), l_i = f_i(x) - min f_i and a = w_y - w_c: when
  z_y - z_c > B_c(x) = sum_i (a_i)+ l_i + (a_i)- u_i for all c, nothing in the ball changes the decision.

PGD finds lower bounds of the suprema, so for a network all bounds here are estimates, not certificates.
"""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from feature_sensitivity.analysis.estimates import Estimate, mean_of_images

Floats = NDArray[np.floating]


@dataclass(frozen=True)
class LinearLayer:
    """``weight`` [n_classes, n_features] and ``bias`` [n_classes] of the last layer."""

    weight: Floats
    bias: Floats

    def logits(self, features: Floats) -> NDArray[np.float64]:
        """Return logits [n_images, n_classes] of features [n_images, n_features]."""
        return features.astype(np.float64) @ self.weight.T.astype(np.float64) + self.bias


def best_tau(margin: Floats, weighted_movement: float) -> float:
    """Return the tau > 0 with the smallest Pr[M < tau] + weighted_movement / tau, for margins [n_images].

    Between two neighbouring margins the probability is constant and the second term falls, so it is one of the
    positive margins; infinite where none gives less than 1.
    """
    taus = np.unique(margin[margin > 0])
    below = np.searchsorted(np.sort(margin), taus) / len(margin)
    values = below + weighted_movement / taus
    return float(taus[values.argmin()]) if len(taus) and values.min() < 1 else np.inf


def bound_by_image(margin: Floats, weighted_movement: Floats) -> Floats:
    """Return the terms of the bound, [n_images], of which it is the mean; both arguments are [n_images].

    Each half of the images is bounded with the tau that is best for the other half: the infimum over tau on the same
    images would be too small, by 3 points on 51 images.
    """
    terms = np.ones(len(margin))
    halves = np.arange(len(margin)) % 2
    for half in (0, 1):
        own, other = halves == half, halves != half
        if other.any() and np.isfinite(tau := best_tau(margin[other], float(weighted_movement[other].mean()))):
            terms[own] = (margin[own] < tau) + weighted_movement[own] / tau
    return terms


def margins(logits: Floats, label: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return z_y - z_c [n_images, n_classes]; infinite at c = y."""
    rows = np.arange(len(label))
    gaps = (logits[rows, label][:, None] - logits).astype(np.float64)
    gaps[rows, label] = np.inf
    return gaps


def class_bound(clean: Floats, movement: Floats, label: NDArray[np.int64], layer: LinearLayer) -> Estimate:
    """Return the bound for K classes, from features and their movements [n_images, n_features]."""
    beta = layer.weight.max(axis=0) - layer.weight.min(axis=0)
    margin = margins(layer.logits(clean), label).min(axis=1)
    return _bound(bound_by_image(margin, movement.astype(np.float64) @ beta))


def pair_bound(clean: Floats, movement: Floats, label: NDArray[np.int64], layer: LinearLayer) -> Estimate:
    """Return the bound for two classes: the mean over all pairs that have images, each on its own; 1 without a pair.

    alpha is the difference of the two classes' weights, so it bounds the error between these two.
    """
    logits = layer.logits(clean)
    pairs = list(combinations(np.unique(label), 2))
    if not pairs:
        return Estimate(1.0, 1.0, 1.0)
    terms = np.zeros(len(label))
    for first, second in pairs:
        rows = np.isin(label, (first, second))
        alpha = layer.weight[first] - layer.weight[second]
        sign = np.where(label[rows] == first, 1, -1)
        margin = sign * (logits[rows, first] - logits[rows, second])
        of_pair = bound_by_image(margin, movement[rows].astype(np.float64) @ np.abs(alpha))
        # So that the mean over all images is the mean over pairs.
        terms[rows] += of_pair * len(label) / rows.sum() / len(pairs)
    return _bound(terms)


def _bound(terms: Floats) -> Estimate:
    """Return the mean of a bound's terms with its interval; no probability is above 1."""
    return Estimate(*(float(np.clip(number, 0, 1)) for number in mean_of_images(("", 1, terms[None]))))


def decision_bounds(
    clean: Floats, maximum: Floats, minimum: Floats, label: NDArray[np.int64], layer: LinearLayer
) -> NDArray[np.float64]:
    """Return B_c(x), by how much z_y - z_c can fall at most, [n_images, n_classes]; 0 at c = y."""
    up, down = maximum.astype(np.float64) - clean, clean.astype(np.float64) - minimum
    bounds = np.zeros((len(label), len(layer.weight)))
    for own in np.unique(label):  # all at once would not fit into memory where there are a thousand classes
        rows = label == own
        difference = layer.weight[own] - layer.weight
        bounds[rows] = down[rows] @ difference.clip(min=0).T + up[rows] @ (-difference).clip(min=0).T
    return bounds


def is_unmovable(
    clean: Floats, maximum: Floats, minimum: Floats, label: NDArray[np.int64], layer: LinearLayer
) -> NDArray[np.bool_]:
    """Return which images [n_images] are classified correctly and, by the pointwise bound, stay so in the ball."""
    gaps = margins(layer.logits(clean), label)
    return np.asarray((gaps > decision_bounds(clean, maximum, minimum, label, layer)).all(axis=1))
