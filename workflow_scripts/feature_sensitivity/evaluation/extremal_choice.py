"""For which features and images it is kept where the features attain their extrema."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from feature_sensitivity.evaluation.default_definition import Array


def extreme_features(sensitivities: Sequence[Array], n: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the places of the ``n`` most and of the ``n`` least sensitive features, each the most sensitive first.

    One choice serves every epsilon, so that a feature can be followed from one to the next: features are ordered by
    their mean rank. Those that never move are left out, since there is nothing to see of them, unless no feature moves.
    Where there are too few for both, the most sensitive ones come first, and no feature is in both.

    Args:
        sensitivities: for each epsilon, [n_features].
        n: how many of each.
    """
    table = pd.DataFrame(np.stack(sensitivities))
    moves = (table > 0).any().to_numpy()
    order = np.argsort(-table.rank(axis=1).mean().to_numpy(), kind="stable")
    order = order[moves[order]] if moves.any() else order
    most, rest = order[:n], order[n:]
    return most, rest[max(len(rest) - n, 0) :]


def first_of_each_class(labels: NDArray[np.int64], n: int) -> NDArray[np.int64]:
    """Return the places of ``n`` images, or of all: the first one of each class in turn, then the second ones."""
    turn = pd.Series(labels).groupby(labels).cumcount().to_numpy()
    return np.lexsort((np.arange(len(labels)), turn))[:n]
