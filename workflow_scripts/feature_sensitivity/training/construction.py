"""The robust dataset of Ilyas et al. (2019), constructed from a trained teacher.

Each image is a different random training image, moved until the teacher represents it as it
represents the original; it keeps the original's label. What remains of the original is what
the teacher sees.
"""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from feature_sensitivity.attacks.norms import L2, per_row, row_norms
from feature_sensitivity.attacks.pgd import accumulated, input_gradient, step_sizes
from feature_sensitivity.attacks.run_rows import batch_for_all_cores, run_rows
from feature_sensitivity.attacks.slots import RowStates, RowTask
from feature_sensitivity.config.construction import ConstructionSettings
from feature_sensitivity.data.split import Split
from feature_sensitivity.data.standardization import Standardization, to_unit_range
from feature_sensitivity.networks.attack_copy import N_IMAGES, attack_copy
from feature_sensitivity.networks.classifier import Classifier
from feature_sensitivity.networks.copies import ThreadCopies
from feature_sensitivity.runtime.batch_size import BatchSize
from feature_sensitivity.runtime.devices import device_identity
from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.runtime.partial_results import PartialResults, partial_result_key


@dataclass
class ConstructionRows(RowStates):
    """Images in progress: ``pixels`` in [0, 1], and ``target``, the representation [n, n_features] to be matched.

    ``relative``: the present distance from it divided by ``first_distance``, [n].
    """

    DERIVED: ClassVar[tuple[str, ...]] = ("target",)

    pixels: Tensor
    target: Tensor
    first_distance: Tensor
    relative: Tensor
    velocity: Tensor | None


class ConstructionTask(RowTask[ConstructionRows]):
    """The images to construct, numbered as their ``starts``, [n, channels, height, width].

    ``target``: the representations that they are to match, [n, n_features], from :meth:`representations`.
    """

    target: Tensor

    def __init__(
        self,
        *,
        network: Classifier,
        starts: NDArray[Any],
        standardization: Standardization,
        settings: ConstructionSettings,
        device: torch.device,
    ) -> None:
        self._networks = ThreadCopies(network)
        self._starts = starts
        self._standardization = standardization
        self._settings = settings
        self.device = device
        # One more than are taken: the pass that gives a gradient also gives the distance of the step before.
        self.steps = settings.steps + 1
        lengths = step_sizes(settings.step_size, steps=settings.steps, schedule=settings.schedule)
        self._lengths = torch.tensor([*lengths, 0.0, 0.0], device=device)

    @torch.no_grad()
    def representations(self, images: NDArray[Any], batch_size: int) -> Tensor:
        """Return what the teacher makes of the images, [n, n_features]."""
        parts = []
        for first in range(0, len(images), batch_size):
            # The last batch is filled up with the first image, so that all have the same shape.
            rows = np.arange(first, first + batch_size)
            rows[rows >= len(images)] = 0
            parts.append(self._features(self._pixels(images, rows)))
        return torch.cat(parts)[: len(images)]

    def _pixels(self, images: NDArray[Any], rows: NDArray[np.int64]) -> Tensor:
        """Return images in [0, 1] on the device."""
        chosen = to_unit_range(torch.from_numpy(images[rows]).to(self.device))
        return chosen.contiguous(memory_format=torch.channels_last)

    def _features(self, pixels: Tensor) -> Tensor:
        """Return the teacher's features of images in [0, 1], with the surrogate gradient: [n, n_features]."""
        return self._networks.mine().features(self._standardization.standardize(pixels), surrogate_relu=True)

    def begin(self, rows: Tensor) -> ConstructionRows:
        """Return images as they start."""
        pixels = self._pixels(self._starts, rows.cpu().numpy())
        return ConstructionRows.new(
            rows,
            pixels=pixels,
            target=self.target[rows],
            first_distance=torch.zeros(len(rows), device=rows.device),
            relative=torch.ones(len(rows), device=rows.device),
            velocity=torch.zeros_like(pixels) if self._settings.momentum else None,
        )

    def advance(self, states: ConstructionRows) -> None:
        """Take one step of every image that has not ended."""

        def distance_from_target(pixels: Tensor) -> Tensor:
            return row_norms(self._features(pixels) - states.target)

        distance, gradient = input_gradient(distance_from_target, states.pixels)
        states.first_distance = torch.where(states.step == 0, distance, states.first_distance)
        # A start that the teacher cannot distinguish from the original is at relative distance 0.
        states.relative = distance / states.first_distance.clamp(min=torch.finfo(distance.dtype).tiny)
        ended = states.step >= self._settings.steps
        if self._settings.tolerance is not None:
            ended |= states.relative <= self._settings.tolerance
        if states.velocity is not None:
            gradient = states.velocity = accumulated(gradient, states.velocity, self._settings.momentum)
        length = per_row(self._lengths[states.step], gradient)
        # An image that ends with this pass counts it as a step, but does not move any more.
        states.step += ~states.ended
        states.ended |= ended
        states.evaluated |= states.ended
        moved = (states.pixels - length * L2().unit_direction(gradient)).clamp(0, 1)
        states.pixels = torch.where(per_row(states.ended, moved), states.pixels, moved)

    def result(self, states: ConstructionRows) -> dict[str, Tensor]:
        """Return the images and their relative distances."""
        return {"pixels": states.pixels, "relative_distance": states.relative}

    def note(self, states: ConstructionRows, busy: Tensor) -> str:
        """Return the mean relative distance of the images in progress."""
        return f"mean relative distance {float(states.relative[busy].mean()):.3f}" if bool(busy.any()) else ""


def random_other_images(n: int, seed: int) -> NDArray[np.int64]:
    """Return for each of ``n`` >= 2 images another one: a random cyclic order, so none is its own start."""
    order = np.random.Generator(np.random.PCG64(seed)).permutation(n)
    other = np.empty(n, np.int64)
    other[order] = np.roll(order, 1)
    return other


def images_of_part(n: int, *, part: int, n_parts: int, batch_size: int) -> NDArray[np.int64]:
    """Return the indices, below ``n``, of part 1, 2, ... or ``n_parts``: whole batches, since each costs the same.

    Raises :class:`UserError` when there are fewer batches than parts.
    """
    n_batches = -(-n // batch_size)
    if n_parts > n_batches:
        raise UserError(
            f"shards is {n_parts}, but {n} images make only {n_batches} batches of {batch_size}; "
            f"write {n_batches} or less, or a smaller batch_size"
        )
    batches = np.array_split(np.arange(n_batches), n_parts)[part - 1]
    return np.arange(batches[0] * batch_size, min((batches[-1] + 1) * batch_size, n))


def construct(
    *,
    teacher: Classifier,
    split: Split,
    index: NDArray[np.int64],
    standardization: Standardization,
    settings: ConstructionSettings,
    device: torch.device,
    unfinished_folder: Path,
) -> Split:
    """Return new images, float32 in [0, 1], for the images ``index`` of ``split``, with their labels.

    The l2 distance between the penultimate features of the moving image and the original's is minimized,
    the gradient passed through the last ReLU of a built-in network as through the identity; after each step
    the image is clipped to [0, 1]. The last iterate is taken. Further arrays of the result are ``start_index``, the
    image of ``split`` that was moved, and ``relative_distance``, the distance at the end divided by that at the start.

    Finished images and those in progress are saved in ``unfinished_folder``, several times a minute and on an
    interruption; the same call continues from there.
    """
    weights = [value.cpu() for value in teacher.state_dict().values()]
    computed_from = [settings, device_identity(device), standardization, index, split.images, *weights]
    key = partial_result_key(*computed_from, code=Path(__file__))
    partial_results = PartialResults(unfinished_folder, key)
    start_index = random_other_images(len(split.labels), settings.seed)[index]
    batch_size = BatchSize(settings.batch_size, key="the dataset's batch_size")
    first_images = standardization.standardize(torch.from_numpy(split.images[:N_IMAGES]).to(device))
    task = ConstructionTask(
        network=attack_copy(teacher, first_images),
        starts=split.images[start_index],
        standardization=standardization,
        settings=settings,
        device=device,
    )
    originals = split.images[index]
    target = partial_results.keep("target", lambda: batch_size.fit(partial(task.representations, originals)).cpu())
    task.target = target.to(device)
    results = run_rows(
        task,
        torch.arange(len(index)),
        n_rows=len(index),
        batch_size=batch_size,
        title="construction",
        partial_results=partial_results,
        batch_sizes=batch_for_all_cores,
    )
    details: dict[str, NDArray[Any]] = {
        "start_index": start_index,
        "relative_distance": results["relative_distance"].numpy(),
    }
    return Split(results["pixels"].numpy(), split.labels[index], details)
