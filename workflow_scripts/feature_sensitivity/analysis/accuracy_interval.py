"""A share of images with its confidence interval."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import scipy
from numpy.typing import NDArray

from feature_sensitivity.analysis.estimates import CONFIDENCE, Estimate


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
