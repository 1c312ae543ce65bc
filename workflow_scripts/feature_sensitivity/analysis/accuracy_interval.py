"""A share of images as the columns of a table."""

import numpy as np
from numpy.typing import NDArray

from feature_sensitivity.analysis.estimates import wilson_interval


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
