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

from feature_sensitivity.attacks.projection import pixel_box
from feature_sensitivity.attacks.row_workers import batch_for_each_core
from feature_sensitivity.attacks.run_rows import run_rows
from feature_sensitivity.config.measurement import SensitivitySettings
from feature_sensitivity.data.standardization import Standardization
from feature_sensitivity.evaluation.feature_rows import MAXIMIZE, MINIMIZE, FeatureTask
from feature_sensitivity.evaluation.feature_values import feature_values
from feature_sensitivity.networks.attack_copy import attack_copy
from feature_sensitivity.networks.classifier import Classifier
from feature_sensitivity.runtime.batch_size import BatchSize, fitting_rows
from feature_sensitivity.runtime.devices import device_name, has_bfloat16
from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.runtime.partial_results import partial_result_key
from feature_sensitivity.runtime.resume import PartialResults

BATCH_SIZES = {"cpu": 64, "cuda": 1024}
"""Rows at a time of a core and of a GPU."""


@dataclass(frozen=True)
class FeatureExtrema:
    """Feature values float32 [n_images, n_features]: without attack, and the extrema that were reached.

    ``zero_gradient`` (bool, same shape) marks maximizations that could not begin, because the gradient
    was exactly zero at every random start. ``batch_size`` is that of the settings or the device, or what was left
    of it when memory ran out.
    """

    clean: NDArray[np.float32]
    maximum: NDArray[np.float32]
    minimum: NDArray[np.float32]
    zero_gradient: NDArray[np.bool_]
    batch_size: int


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
) -> FeatureExtrema:
    """Return the extrema of the chosen features over the ball around each image.

    Args:
        x: standardized images [n_images, channels, height, width].
        image_index: each image's index in its dataset [n_images], which names its random starts.
        features: indices of the features to attack [n_features], the columns of the result.
        standardization: gives the pixel box in the units of ``x``.
        unfinished_folder: where finished rows and rows in progress are saved, several times a minute and on an
            interruption; the same call continues from there.

    Raises:
        UserError: features are not finite or depend on other images, memory is too small for one image, or a GPU lacks
            bfloat16.
    """
    if settings.search_dtype == "bfloat16" and device.type == "cuda" and not has_bfloat16(device):
        raise UserError(
            f"sensitivity.search_dtype is bfloat16, which {device_name(device)} does not have; write float32"
        )
    batch_size = rows_at_a_time(settings.batch_size, x, device)
    weights = [value.cpu() for value in network.state_dict().values()]
    key = partial_result_key(
        settings,
        device.type,
        batch_size.rows,
        repr(network),
        network.origin,
        image_index,
        features,
        x,
        *weights,
        code=Path(__file__),
    )
    folded = batch_size.fit(lambda rows: attack_copy(network, x.to(device), rows))
    images = x.to(device).contiguous(memory_format=torch.channels_last)
    chosen = torch.from_numpy(features).to(device)
    partial_results = PartialResults(unfinished_folder, key)
    saved = partial_results.load()
    if saved:
        # Not computed again: another processor would round it differently than the extrema that started from it.
        clean = saved.kept["clean"].to(device)
        batch_size.rows = saved.batch_size or batch_size.rows
    else:
        clean = batch_size.fit(lambda rows: feature_values(folded, images, chosen, rows))
        partial_results.keep({"clean": clean.cpu()})
    task = FeatureTask(
        network=folded,
        x=images,
        image_index=torch.from_numpy(image_index).to(device),
        features=chosen,
        clean=clean,
        bounds=pixel_box(standardization, device) if settings.clip_to_pixel_box else None,
        settings=settings,
    )
    value = torch.full(task.shape, torch.nan)
    if settings.iterate == "best":
        # A minimum that the clean image attains already, because features cannot be lower, needs no attack.
        lowest = (clean <= folded.feature_minimum).cpu()
        value[:, :, MINIMIZE][lowest] = -folded.feature_minimum
    rows = value.isnan().flatten().nonzero()[:, 0]
    results = run_rows(
        task,
        rows,
        n_rows=value.numel(),
        batch_size=batch_size,
        batch_sizes=batch_for_each_core,
        partial_results=partial_results,
        saved=saved,
        title="sensitivity",
    )
    zero_gradient = torch.zeros(task.shape, dtype=torch.bool)
    if len(rows):
        value.view(-1)[rows] = results["value"][rows]
        zero_gradient = results["zero_gradient"].reshape(task.shape)
    best = value.amax(dim=3)
    return FeatureExtrema(
        clean=clean.cpu().numpy(),
        maximum=best[:, :, MAXIMIZE].numpy(),
        minimum=-best[:, :, MINIMIZE].numpy(),
        zero_gradient=zero_gradient[:, :, MAXIMIZE].all(dim=2).numpy(),
        batch_size=batch_size.rows,
    )


def rows_at_a_time(wanted: int | None, x: Tensor, device: torch.device) -> BatchSize:
    """Return how many rows a GPU or a core takes at a time: as ``wanted``, or what fits images [n, channels, h, w].

    A core takes fewer of larger images, at least 8.
    """
    fitting = fitting_rows(BATCH_SIZES[device.type], x.shape[2:], device)
    return BatchSize(wanted or fitting, key="sensitivity.batch_size")
