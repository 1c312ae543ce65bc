"""Where a feature attains its extrema, and for which features and images that is kept.

A measurement of all features keeps values only. Since the result of a row depends on nothing but its names (seed,
image, feature, direction, restart), the attack on a few rows can be run again, and this time its best point is kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from feature_sensitivity.config.measurement import SensitivitySettings
from feature_sensitivity.data.standardization import Standardization
from feature_sensitivity.evaluation.default_definition import Array
from feature_sensitivity.evaluation.feature_rows import MAXIMIZE, MINIMIZE, FeatureTask
from feature_sensitivity.evaluation.preparation import prepare
from feature_sensitivity.networks.classifier import Classifier


@dataclass(frozen=True)
class ExtremalPoints:
    """Values float32 [n_images, n_features], and float32 perturbations [n_images, n_features, channels, height, width].

    ``clean`` is without attack; ``maximum`` and ``minimum`` are attained at the image plus ``upward`` and ``downward``.
    """

    clean: NDArray[np.float32]
    maximum: NDArray[np.float32]
    minimum: NDArray[np.float32]
    upward: NDArray[np.float32]
    downward: NDArray[np.float32]


def find_extremal_points(
    *,
    network: Classifier,
    x: Tensor,
    image_index: NDArray[np.int64],
    features: NDArray[np.int64],
    standardization: Standardization,
    settings: SensitivitySettings,
    device: torch.device,
) -> ExtremalPoints:
    """Return the extrema of a few features over the ball around a few images, and where they are attained.

    Arguments are those of :func:`.feature_extrema.measure_extrema`. With the batch size of a measurement on the same
    device, values are bit-equal to the measured ones.
    """
    prepared = prepare(
        network=network,
        x=x,
        image_index=image_index,
        features=features,
        standardization=standardization,
        clip_to_pixel_box=settings.clip_to_pixel_box,
        batch_size=settings.batch_size,
        device=device,
        code=Path(__file__),
    )
    clean = prepared.feature_values(prepared.x)
    task = FeatureTask(prepared, clean=clean, settings=settings, keep_points=True)
    results = prepared.run(task, "extremal images", shape=task.shape)
    best, restart = results["value"].reshape(task.shape).max(dim=3)
    points = results["point"].reshape(*task.shape, *x.shape[1:])
    index = restart[..., None, None, None, None].expand(*restart.shape, 1, *x.shape[1:])
    points = points.gather(3, index).squeeze(3)
    return ExtremalPoints(
        clean=clean.cpu().numpy(),
        maximum=best[:, :, MAXIMIZE].numpy(),
        minimum=-best[:, :, MINIMIZE].numpy(),
        upward=points[:, :, MAXIMIZE].numpy(),
        downward=points[:, :, MINIMIZE].numpy(),
    )


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
