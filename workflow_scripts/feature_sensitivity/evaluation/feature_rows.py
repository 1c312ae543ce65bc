"""One attack on one feature of one image, as a row of a batch: where it starts, a step, its result."""

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from feature_sensitivity.attacks.norms import per_row
from feature_sensitivity.attacks.pgd import accumulated, input_gradient, step_sizes, take_step
from feature_sensitivity.attacks.projection import clip
from feature_sensitivity.attacks.random_starts import random_start
from feature_sensitivity.attacks.slots import RowStates, RowTask, row_indices
from feature_sensitivity.config.measurement import SensitivitySettings
from feature_sensitivity.evaluation.preparation import Prepared
from feature_sensitivity.networks.classifier import Classifier
from feature_sensitivity.networks.copies import ThreadCopies, copied
from feature_sensitivity.runtime.errors import UserError

MAXIMIZE, MINIMIZE = 0, 1


@dataclass
class FeatureRows(RowStates):
    """Rows of the attack: ``sign`` is 1 where ``feature`` is maximized, -1 where it is minimized, [n].

    ``best`` is the largest float32 value of sign * feature so far. A search in low precision leaves it alone
    and keeps the largest value that it ``found`` and the perturbation, ``candidate``, that gave it. ``point`` is
    the perturbation at which ``best`` is attained, where points are kept.
    """

    DERIVED: ClassVar[tuple[str, ...]] = ("feature", "sign", "x")

    feature: Tensor
    sign: Tensor
    x: Tensor
    perturbation: Tensor
    best: Tensor
    zero_gradient: Tensor
    velocity: Tensor | None
    found: Tensor | None
    candidate: Tensor | None
    point: Tensor | None


class FeatureTask(RowTask[FeatureRows]):
    """The rows (image, feature, direction, restart), numbered in this order.

    ``clean``: the features without attack, [n_images, n_features], on the device. ``keep_points``: the results of rows
    include the perturbation at which the extremum is attained.
    """

    def __init__(
        self, prepared: Prepared, *, clean: Tensor, settings: SensitivitySettings, keep_points: bool = False
    ) -> None:
        network, x = prepared.network, prepared.x
        self._prepared = prepared
        self._clean = clean
        self._settings = settings
        self._keep_points = keep_points
        self._low_precision = settings.search_dtype == "bfloat16"
        self._search_dtype = torch.bfloat16 if self._low_precision else torch.float32
        self._networks = self._search_networks = ThreadCopies(network)
        if self._low_precision:
            self._search_networks = ThreadCopies(_in_bfloat16(network, x[:1]))
        attack = settings.attack
        lengths = step_sizes(attack.step_size, steps=attack.steps, schedule=attack.schedule)
        self._lengths = torch.tensor([*lengths, 0.0, 0.0], device=x.device)
        self.device = x.device
        self.shape = (len(x), len(prepared.features), 2, settings.restarts)
        # A search in low precision has to see its last iterate, too.
        self.steps = settings.attack.steps + self._low_precision

    def begin(self, rows: Tensor) -> FeatureRows:
        """Return rows at their random starts."""
        image, column, direction, restart = row_indices(rows, self.shape)
        x = self._prepared.x[image].contiguous(memory_format=torch.channels_last)
        feature = self._prepared.features[column]
        start = random_start(
            seed=self._settings.seed,
            image=self._prepared.image_index[image],
            feature=feature,
            direction=direction,
            restart=restart,
            shape=x.shape[1:],
            epsilon=self._settings.attack.epsilon,
            norm=self._settings.attack.norm,
        )
        sign = 1.0 - 2.0 * direction
        return FeatureRows.new(
            rows,
            feature=feature,
            sign=sign,
            x=x,
            # In the ball already, and not projected: the rounding of a norm may depend on how many rows there are.
            perturbation=clip(start, x, self._prepared.bounds).contiguous(memory_format=torch.channels_last),
            best=sign * self._clean[image, column],
            zero_gradient=torch.zeros_like(rows, dtype=torch.bool),
            velocity=torch.zeros_like(x) if self._settings.attack.momentum else None,
            found=torch.full_like(sign, -torch.inf) if self._low_precision else None,
            candidate=torch.zeros_like(x) if self._low_precision else None,
            point=torch.zeros_like(x) if self._keep_points else None,
        )

    def advance(self, states: FeatureRows) -> None:
        """Take one step of every row that has not ended."""
        n_surrogate = self._settings.surrogate_steps
        surrogate = states.step < n_surrogate
        network = self._search_networks.mine()
        values, gradient = input_gradient(
            lambda points: network.selected_features(
                points.to(self._search_dtype), states.feature, surrogate_relu=surrogate if n_surrogate else False
            ).float(),
            states.x + states.perturbation,
        )
        moving = ~states.ended
        self._look(states, states.sign * values)
        velocity = self._velocity(states, gradient * per_row(states.sign, gradient))
        fixed = velocity.abs().amax(dim=(1, 2, 3)) == 0
        states.zero_gradient |= fixed & (states.step == 0) & moving
        # Without a direction of its own gradient a row stays where it is for good.
        states.ended |= fixed & ~surrogate
        if self._settings.iterate == "best":
            states.ended |= (states.sign < 0) & (values <= self._prepared.network.feature_minimum)
        states.evaluated |= states.ended & (not self._low_precision)
        self._move(states, velocity)
        states.ended |= states.step >= self.steps

    def _look(self, states: FeatureRows, signed: Tensor) -> None:
        """Take the values of the present iterates into account."""
        if states.found is not None and states.candidate is not None:
            better = signed > states.found
            states.found = torch.where(better, signed, states.found)
            states.candidate = torch.where(per_row(better, states.x), states.perturbation, states.candidate)
        else:
            self._count(states, signed, states.perturbation)

    def _count(self, states: FeatureRows, signed: Tensor, perturbation: Tensor) -> None:
        """Let float32 values at these perturbations count: the largest so far, or the last."""
        best = torch.maximum(states.best, signed) if self._settings.iterate == "best" else signed
        if states.point is not None:
            states.point = torch.where(per_row(best != states.best, states.x), perturbation, states.point)
        states.best = best

    def _velocity(self, states: FeatureRows, gradient: Tensor) -> Tensor:
        if states.velocity is None:
            return gradient
        states.velocity = accumulated(gradient, states.velocity, self._settings.attack.momentum)
        return states.velocity

    def _move(self, states: FeatureRows, velocity: Tensor) -> None:
        """Take the step of the rows that have not ended."""
        attack, bounds = self._settings.attack, self._prepared.bounds
        length = per_row(self._lengths[states.step], states.x)
        moved = take_step(states.perturbation, velocity, states.x, length=length, attack=attack, bounds=bounds)
        states.perturbation = torch.where(per_row(states.ended, moved), states.perturbation, moved)
        states.step += ~states.ended

    @torch.no_grad()
    def evaluate(self, states: FeatureRows) -> None:
        """Take the float32 value of each row's last point into account, or that of the best one found."""
        perturbation = states.perturbation if states.candidate is None else states.candidate
        points = (states.x + perturbation).contiguous(memory_format=torch.channels_last)
        signed = states.sign * self._networks.mine().selected_features(points, states.feature)
        self._count(states, signed, perturbation)
        states.evaluated[:] = True

    def result(self, states: FeatureRows) -> dict[str, Tensor]:
        """Return sign * extremum, and whether the gradient was exactly zero at the start, [n]; points, if kept."""
        points = {} if states.point is None else {"point": states.point}
        return {"value": states.best, "zero_gradient": states.zero_gradient, **points}


@torch.no_grad()
def _in_bfloat16(network: Classifier, image: Tensor) -> Classifier:
    """Return a copy that computes in bfloat16.

    Raises :class:`UserError` where the network does not compute in it, as one that makes float32 tensors.
    """
    made = copied(network).to(torch.bfloat16)
    try:
        made.selected_features(image.bfloat16(), torch.zeros(1, dtype=torch.int64, device=image.device))
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"sensitivity.search_dtype is bfloat16, in which this network cannot be computed ({reason}); write float32"
        ) from error
    return made
