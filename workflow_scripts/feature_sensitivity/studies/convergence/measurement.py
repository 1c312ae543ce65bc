"""How much of what all attacks together find each of them finds, on a sample."""

from collections.abc import Callable, Sequence
from functools import cache, reduce

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from feature_sensitivity.analysis.estimates import bootstrap, mean_ratio
from feature_sensitivity.config.measurement import SensitivitySettings
from feature_sensitivity.evaluation.feature_extrema import FeatureExtrema
from feature_sensitivity.evaluation.sensitivity import DEFINITIONS
from feature_sensitivity.studies.convergence.attacks import gradient_evaluations


def convergence_table(
    measure: Callable[[SensitivitySettings], FeatureExtrema],
    compared: Sequence[tuple[str, Sequence[SensitivitySettings]]],
    *,
    definition: str,
) -> pd.DataFrame:
    """Return a row for each attack: its cost, its mean movement, and the share of the best known one.

    The best known extremum of an image, feature and direction is the best that any of the attacks has found. The share
    is mean movement over that of the best known extrema, with its interval by bootstrap over images.

    Args:
        measure: gives the extrema of the sample under settings; settings that occur twice are measured once.
        compared: as :func:`.attacks.attacks` returns it.
        definition: of sensitivity, as in the config.
    """
    measured = cache(measure)
    found = [_together([measured(run) for run in runs], definition=definition) for _, runs in compared]
    best = _together([measured(run) for _, runs in compared for run in runs], definition=definition)
    rows = []
    for (attack, runs), movement in zip(compared, found, strict=True):
        share = bootstrap(mean_ratio, movement, best)
        rows.append(
            {
                "attack": attack,
                "steps": runs[0].attack.steps,
                "starts": sum(run.restarts for run in runs),
                "gradient_evaluations": sum(map(gradient_evaluations, runs)),
                "mean_movement": float(movement.mean(dtype=np.float64)),
                "share_of_best": share.value,
                "ci_low": share.low,
                "ci_high": share.high,
            }
        )
    return pd.DataFrame(rows)


def _together(runs: Sequence[FeatureExtrema], *, definition: str) -> NDArray[np.floating]:
    """Return how far the best extrema of these runs move the features of each image on average, [n_images]."""
    maximum = reduce(np.maximum, [run.maximum for run in runs])
    minimum = reduce(np.minimum, [run.minimum for run in runs])
    return DEFINITIONS[definition](runs[0].clean, maximum, minimum).mean(axis=1)
