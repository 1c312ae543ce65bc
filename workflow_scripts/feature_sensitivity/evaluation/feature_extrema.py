"""How far each feature of a network can be moved: its PGD maximum and minimum on every image.

The work is a queue of rows, one for each (image, feature, direction, restart). A row is finished after the last
step, or as soon as nothing can change any more: at a fixed point of the attack, where the gradient and what momentum
keeps of earlier ones are exactly zero, and in a minimization that has reached the least value a feature can have.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from feature_sensitivity.config.measurement import SensitivitySettings
from feature_sensitivity.data.standardization import Standardization
from feature_sensitivity.evaluation.feature_rows import MAXIMIZE, MINIMIZE, FeatureTask
from feature_sensitivity.evaluation.preparation import prepare
from feature_sensitivity.networks.classifier import Classifier
from feature_sensitivity.runtime.devices import can_search_in_bfloat16, device_name
from feature_sensitivity.runtime.errors import UserError


@dataclass(frozen=True)
class FeatureExtrema:
    """Feature values float32 [n_images, n_features]: without attack, and the extrema that were reached.

    ``zero_gradient`` (bool, same shape) marks maximizations that could not begin, because the gradient
    was exactly zero at every random start. ``batch_size`` is that of the settings or the device, or what was left
    of it when memory ran out. ``upward`` and ``downward``, float32 [n_images, n_features, channels, height, width], are
    the perturbations at which ``maximum`` and ``minimum`` are attained, where points are kept.
    """

    clean: NDArray[np.float32]
    maximum: NDArray[np.float32]
    minimum: NDArray[np.float32]
    zero_gradient: NDArray[np.bool_]
    batch_size: int
    upward: NDArray[np.float32] | None = None
    downward: NDArray[np.float32] | None = None


def measure_extrema(
    *,
    network: Classifier,
    x: Tensor,
    image_index: NDArray[np.int64],
    features: NDArray[np.int64],
    standardization: Standardization,
    settings: SensitivitySettings,
    device: torch.device,
    unfinished_folder: Path | None = None,
    keep_points: bool = False,
) -> FeatureExtrema:
    """Return the extrema of the chosen features over the ball around each image.

    Since the result of a row depends on nothing but its names (seed, image, feature, direction, restart), a few rows of
    a large measurement can be computed again to keep their points: on the same device with the same batch size, values
    are bit-equal.

    Args:
        x: standardized images [n_images, channels, height, width].
        image_index: each image's index in its dataset [n_images], which names its random starts.
        features: indices of the features to attack [n_features], the columns of the result.
        standardization: gives the pixel box in the units of ``x``.
        unfinished_folder: where finished rows and rows in progress are saved, several times a minute and on an
            interruption; the same call continues from there.
        keep_points: keep where the extrema are attained, which takes an image's memory for each.

    Raises:
        UserError: features are not finite or depend on other images, memory is too small for one image, or a GPU lacks
            bfloat16.
    """
    if settings.search_dtype == "bfloat16" and not can_search_in_bfloat16(device):
        raise UserError(
            f"sensitivity.search_dtype is bfloat16, which {device_name(device)} does not have; write float32"
        )
    prepared = prepare(
        network=network,
        x=x,
        image_index=image_index,
        features=features,
        standardization=standardization,
        clip_to_pixel_box=settings.clip_to_pixel_box,
        batch_size=settings.batch_size,
        device=device,
        unfinished_folder=unfinished_folder,
        key=[settings],
        code=Path(__file__),
    )
    clean = prepared.partial_results.keep("clean", lambda: prepared.feature_values(prepared.x).cpu())
    task = FeatureTask(prepared, clean=clean.to(device), settings=settings, keep_points=keep_points)
    value = torch.full(task.shape, torch.nan)
    if settings.iterate == "best":
        # A minimum that the clean image attains already, because features cannot be lower, needs no attack.
        minimum = prepared.network.feature_minimum
        value[:, :, MINIMIZE][clean <= minimum] = -minimum
    rows = value.isnan().flatten().nonzero()[:, 0]
    results = prepared.run(task, "sensitivity", shape=task.shape, rows=rows)
    zero_gradient = torch.zeros(task.shape, dtype=torch.bool)
    if len(rows):
        value.view(-1)[rows] = results["value"][rows]
        zero_gradient = results["zero_gradient"].reshape(task.shape)
    best, restart = value.max(dim=3)
    upward = downward = None
    if keep_points:
        points = results.get("point", torch.zeros(value.numel(), *x.shape[1:]))
        places = torch.arange(0, value.numel(), settings.restarts) + restart.flatten()
        found = points[places].reshape(*restart.shape, *x.shape[1:]).numpy()
        upward, downward = found[:, :, MAXIMIZE], found[:, :, MINIMIZE]
    return FeatureExtrema(
        clean=clean.numpy(),
        maximum=best[:, :, MAXIMIZE].numpy(),
        minimum=-best[:, :, MINIMIZE].numpy(),
        zero_gradient=zero_gradient[:, :, MAXIMIZE].all(dim=2).numpy(),
        batch_size=prepared.batch_size.rows,
        upward=upward,
        downward=downward,
    )
