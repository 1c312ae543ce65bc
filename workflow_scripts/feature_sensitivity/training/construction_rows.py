"""One image of a constructed dataset, as a row of a batch: where it starts, a step, its result."""

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from feature_sensitivity.attacks.norms import L2, per_row, row_norms
from feature_sensitivity.attacks.pgd import accumulated, input_gradient, step_sizes
from feature_sensitivity.attacks.slots import RowStates, RowTask
from feature_sensitivity.config.construction import ConstructionSettings
from feature_sensitivity.data.standardization import Standardization, to_unit_range
from feature_sensitivity.networks.classifier import Classifier
from feature_sensitivity.networks.copies import ThreadCopies


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
