"""A share of images with its confidence interval."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from feature_sensitivity.analysis.estimates import CONFIDENCE, Estimate, standard_error


class Interval(NamedTuple):
    """A confidence interval."""

    low: float
    high: float


def wilson_interval(n_correct: int, n_images: int, confidence: float = CONFIDENCE) -> Interval:
    """Return Wilson's (1927) interval of a share, by default at 95 %."""
    interval = scipy.stats.binomtest(n_correct, n_images).proportion_ci(confidence, method="wilson")
    return Interval(float(interval.low), float(interval.high))


def accuracy_columns(correct: NDArray[np.bool_]) -> dict[str, float]:
    """Return how many of the images [n] are classified correctly, and their share with its 95 % interval."""
    n_images, n_correct = len(correct), int(correct.sum())
    interval = wilson_interval(n_correct, n_images)
    return {
        "n_images": n_images,
        "n_correct": n_correct,
        "accuracy": n_correct / n_images,
        "ci_low": interval.low,
        "ci_high": interval.high,
    }


def accuracy_estimate(row: Mapping[Any, Any]) -> Estimate:
    """Return the accuracy of a row of a table, with its interval."""
    return Estimate(row["accuracy"], row["ci_low"], row["ci_high"])


def accuracy_over(correct: NDArray[np.bool_]) -> Estimate:
    """Return the share of correct images over seeds, [n_seeds, n_images], with Wilson's interval.

    Of several seeds it is that of as many independent images as have the same standard error, with Student's t in
    place of the normal quantile, as for a share in a survey (Korn and Graubard 1998).
    """
    n_seeds, n_images = correct.shape
    share = float(correct.mean())
    if n_seeds == 1:
        return Estimate(share, *wilson_interval(int(correct.sum()), n_images))
    error, degrees = standard_error([("", 1.0, correct)])
    n = min(share * (1 - share) / error**2, n_seeds * n_images) if error > 0 else n_images
    z = float(scipy.stats.t.ppf((1 + CONFIDENCE) / 2, degrees))
    middle = (share + z**2 / (2 * n)) / (1 + z**2 / n)
    half = z / (1 + z**2 / n) * np.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    return Estimate(share, float(middle - half), float(middle + half))
