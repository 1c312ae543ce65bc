"""Mean and spread over the replicates of a model. Numbers of a single seed stay as they are."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import scipy

from feature_sensitivity.analysis.accuracy_interval import accuracy_over
from feature_sensitivity.analysis.estimates import CONFIDENCE, Estimate
from feature_sensitivity.config.models import model_of


def over_seeds(
    frame: pd.DataFrame, *, by: Sequence[str], numbers: Sequence[str], largest: Sequence[str] = ()
) -> pd.DataFrame:
    """Return a row for each model and ``by``, in the order of ``frame``, which has one for each replicate.

    Each of ``numbers`` becomes its mean over the seeds; ``n_seeds`` and the standard deviations over the seeds, as
    ``{number}_seed_std``, follow. Of ``largest`` the largest value is kept. Other columns are the first seed's.
    """
    groups = frame.assign(model=frame.model.map(model_of)).groupby(["model", *by], sort=False)
    if not groups.size().gt(1).any():
        return frame
    pooled = groups.first()
    pooled[[*numbers]] = groups[[*numbers]].mean(skipna=False)
    pooled[[*largest]] = groups[[*largest]].max()
    pooled["n_seeds"] = groups.size()
    pooled = pooled.join(groups[[*numbers]].std(skipna=False).add_suffix("_seed_std")).reset_index()
    return pooled[[*frame.columns, *pooled.columns.difference(frame.columns, sort=False)]]


def accuracy_over_seeds(accuracy: pd.DataFrame) -> pd.DataFrame:
    """Return accuracies over seeds, as ``results/accuracy/{model}.csv`` has them.

    The interval of a mean is that of crossed images and seeds where the column ``correct`` has the images that are
    correct, bool [n_images], and else that of ``mean_of``. The column is left out.
    """
    pooled = over_seeds(accuracy, by=["epsilon"], numbers=["n_correct", "accuracy"])
    pooled = pooled.drop(columns="correct", errors="ignore")
    if "n_seeds" not in pooled:
        return pooled
    intervals = []
    for _, rows in accuracy.groupby([accuracy.model.map(model_of), "epsilon"], sort=False):
        singles = [Estimate(*row) for row in rows[["accuracy", "ci_low", "ci_high"]].to_numpy()]
        intervals.append(accuracy_over(np.stack([*rows.correct])) if "correct" in rows else mean_of(singles))
    pooled["ci_low"] = [max(interval.low, 0.0) for interval in intervals]
    pooled["ci_high"] = [min(interval.high, 1.0) for interval in intervals]
    return pooled


def mean_of(estimates: Sequence[Estimate]) -> Estimate:
    """Return the mean over seeds, with a 95 % interval that covers the choice of images and of seeds.

    To either side, two distances are added in quadrature, as independent errors are: that of the single intervals,
    averaged (replicates are measured on the same images, so more of them do not narrow it), and that of Student's t
    interval of the mean over the seeds.
    """
    if len(estimates) == 1:
        return estimates[0]
    value, low, high = np.mean(estimates, axis=0)
    error = scipy.stats.sem([estimate.value for estimate in estimates])
    of_seeds = scipy.stats.t.ppf((1 + CONFIDENCE) / 2, len(estimates) - 1) * error
    below, above = np.hypot(value - low, of_seeds), np.hypot(high - value, of_seeds)
    return Estimate(float(value), float(value - below), float(value + above))
