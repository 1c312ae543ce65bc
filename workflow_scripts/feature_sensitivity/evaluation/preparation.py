"""A network, images and features as every attack on features needs them: on their device, checked, resumable."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from feature_sensitivity.attacks.projection import Bounds, pixel_box
from feature_sensitivity.attacks.run_rows import run_rows
from feature_sensitivity.attacks.slots import RowTask
from feature_sensitivity.data.standardization import Standardization
from feature_sensitivity.networks.attack_copy import attack_copy
from feature_sensitivity.networks.classifier import Classifier
from feature_sensitivity.runtime.batch_size import BatchSize, fitting_rows
from feature_sensitivity.runtime.devices import default_rows, device_identity
from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.runtime.partial_results import PartialResults, partial_result_key


@dataclass(frozen=True)
class Prepared:
    """What rows of features at images are computed from, on one device.

    Attributes:
        network: the copy that is attacked.
        x: standardized images [n_images, channels, height, width].
        image_index: each image's index in its dataset, int64 [n_images], which names its random starts.
        features: indices of the features, int64 [n_features].
        bounds: the pixel box in the units of ``x``, if perturbed images are to stay in it.
        batch_size: rows computed at a time by a GPU, or by each core.
        partial_results: of an earlier run with the same arguments.
    """

    network: Classifier
    x: Tensor
    image_index: Tensor
    features: Tensor
    bounds: Bounds | None
    batch_size: BatchSize
    partial_results: PartialResults

    def feature_values(self, x: Tensor) -> Tensor:
        """Return the features of images [n, channels, height, width]: [n, n_features].

        Raises :class:`UserError` when features are not finite.
        """
        values = self.batch_size.fit(lambda rows: self._feature_values(x, rows))
        if not bool(values.isfinite().all()):
            raise UserError(
                "the network gives features that are not finite, so its weights or the images are broken; "
                "delete its checkpoint and run the same command again, or give it other weights"
            )
        return values

    @torch.no_grad()
    def _feature_values(self, x: Tensor, n_rows: int) -> Tensor:
        parts = []
        for images in x.split(n_rows):
            # The last batch is filled up, so that all have the same shape.
            padded = torch.cat([images, x[:1].expand(n_rows - len(images), -1, -1, -1)])
            parts.append(self.network.features(padded)[: len(images), self.features])
        return torch.cat(parts)

    def run(
        self, task: RowTask[Any], title: str, *, shape: Sequence[int], rows: Tensor | None = None
    ) -> dict[str, Tensor]:
        """Return the results of :func:`run_rows` for ``rows``, or for all rows of an array of this shape."""
        n_rows = math.prod(shape)
        return run_rows(
            task,
            torch.arange(n_rows) if rows is None else rows,
            n_rows=n_rows,
            batch_size=self.batch_size,
            title=title,
            partial_results=self.partial_results,
        )


def prepare(
    *,
    network: Classifier,
    x: Tensor,
    image_index: NDArray[np.int64],
    features: NDArray[np.int64],
    standardization: Standardization,
    clip_to_pixel_box: bool,
    batch_size: int | None,
    device: torch.device,
    unfinished_folder: Path | None = None,
    key: Sequence[Any] = (),
    code: Path,
) -> Prepared:
    """Return what an attack on features needs, on the device.

    Arrays are as in :class:`Prepared`.

    Args:
        standardization: gives the pixel box in the units of ``x``.
        batch_size: rows at a time; None fits the device and the size of the images.
        unfinished_folder: of the partial results, if there are to be any.
        key: settings and arrays on which partial results depend beside the other arguments.
        code: the module whose code, with all that it imports, computes them.
    """
    rows = batch_size or fitting_rows(default_rows(device), x.shape[2:])
    if unfinished_folder is None:
        partial_results = PartialResults()
    else:
        computed_from = [device_identity(device), rows, repr(network), network.origin, image_index, features, x]
        weights = [value.cpu() for value in network.state_dict().values()]
        partial_results = PartialResults(
            unfinished_folder, partial_result_key(*key, *computed_from, *weights, code=code)
        )
    at_a_time = BatchSize(rows, key="sensitivity.batch_size")
    return Prepared(
        network=at_a_time.fit(lambda rows: attack_copy(network, x.to(device), rows)),
        x=x.to(device).contiguous(memory_format=torch.channels_last),
        image_index=torch.from_numpy(image_index).to(device),
        features=torch.from_numpy(features).to(device),
        bounds=pixel_box(standardization, device) if clip_to_pixel_box else None,
        batch_size=at_a_time,
        partial_results=partial_results,
    )
