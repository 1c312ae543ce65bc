"""The gradient of one feature at one image, as a row of a batch."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from feature_sensitivity.attacks.norms import norm_named
from feature_sensitivity.attacks.pgd import input_gradient
from feature_sensitivity.attacks.slots import RowStates, RowTask, row_indices
from feature_sensitivity.evaluation.preparation import Prepared
from feature_sensitivity.networks.copies import ThreadCopies


@dataclass
class GradientRows(RowStates):
    """Rows with the dual norms of their gradients, ``gradient_norm`` [n]."""

    DERIVED: ClassVar[tuple[str, ...]] = ("feature", "x")

    feature: Tensor
    x: Tensor
    gradient_norm: Tensor


class GradientTask(RowTask[GradientRows]):
    """The rows (image, feature), numbered in this order, each of one step; ``norm``: of the ball, as in the config."""

    steps = 1

    def __init__(self, prepared: Prepared, *, norm: str) -> None:
        self._prepared, self._norm = prepared, norm_named(norm)
        self._networks = ThreadCopies(prepared.network)
        self.device = prepared.x.device
        self.shape = (len(prepared.x), len(prepared.features))

    def begin(self, rows: Tensor) -> GradientRows:
        """Return rows without their gradients."""
        image, column = row_indices(rows, self.shape)
        return GradientRows.new(
            rows,
            feature=self._prepared.features[column],
            x=self._prepared.x[image].contiguous(memory_format=torch.channels_last),
            gradient_norm=torch.zeros(len(rows), device=self.device),
        )

    def advance(self, states: GradientRows) -> None:
        """Compute the gradients, unless this was done: between two refills a batch is advanced several times."""
        if bool(states.ended.all()):
            return
        network = self._networks.mine()
        _, gradient = input_gradient(lambda points: network.selected_features(points, states.feature), states.x)
        states.gradient_norm = self._norm.dual(gradient)
        states.step += ~states.ended
        states.ended[:] = True
        states.evaluated[:] = True

    def result(self, states: GradientRows) -> dict[str, Tensor]:
        """Return the norms, [n]."""
        return {"gradient_norm": states.gradient_norm}
