"""The gradient of one feature at one image, as a row of a batch."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from feature_sensitivity.attacks.norms import norm_named
from feature_sensitivity.attacks.pgd import input_gradient
from feature_sensitivity.attacks.slots import RowStates, row_indices
from feature_sensitivity.networks.classifier import Classifier
from feature_sensitivity.networks.copies import ThreadCopies


@dataclass
class GradientRows(RowStates):
    """Rows whose ``gradient_norm`` is wanted, [n]."""

    DERIVED: ClassVar[tuple[str, ...]] = ("feature", "x")

    feature: Tensor
    x: Tensor
    gradient_norm: Tensor


class GradientTask:
    """The rows (image, feature), numbered in this order, each of one step.

    Args:
        network: a folded copy on the device of ``x``.
        x: images [n_images, channels, height, width].
        features: int64 [n_features].
        norm: of the ball; that of the gradients is its dual.
    """

    steps = 1

    def __init__(self, *, network: Classifier, x: Tensor, features: Tensor, norm: str) -> None:
        self._networks, self._x, self._features, self._norm = ThreadCopies(network), x, features, norm_named(norm)
        self.device = x.device
        self.shape = (len(x), len(features))

    def begin(self, rows: Tensor) -> GradientRows:
        """Return rows without their gradients."""
        image, column = row_indices(rows, self.shape)
        none = torch.zeros_like(rows, dtype=torch.bool)
        return GradientRows(
            step=torch.zeros_like(rows),
            ended=none.clone(),
            evaluated=none.clone(),
            feature=self._features[column],
            x=self._x[image].contiguous(memory_format=torch.channels_last),
            gradient_norm=torch.zeros(len(rows), device=self.device),
        )

    def advance(self, states: GradientRows) -> None:
        """Compute the gradients, unless this was done: between two looks a batch is advanced several times."""
        if bool(states.ended.all()):
            return
        network = self._networks.mine()
        _, gradient = input_gradient(lambda points: network.selected_features(points, states.feature), states.x)
        states.gradient_norm = self._norm.dual(gradient)
        states.step += ~states.ended
        states.ended[:] = True
        states.evaluated[:] = True

    def evaluate(self, states: GradientRows) -> None:
        """Do nothing: a row that has ended is complete."""

    def result(self, states: GradientRows) -> dict[str, Tensor]:
        """Return the norms, [n]."""
        return {"gradient_norm": states.gradient_norm}

    def note(self, states: GradientRows, busy: Tensor) -> str:
        """Return nothing: a row is too short for a remark."""
        return ""
