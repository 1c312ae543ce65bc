"""The paper's attack and Auto-PGD on plain tensors, to count the steps in which each moves features as far.

Both follow one loop: a gradient at each point, the best value of all points kept, the last point included.
"""

from dataclasses import dataclass
from math import ceil

import numpy as np
import torch
from problem import Problem
from torch import Tensor

from feature_sensitivity.attacks.norms import per_row
from feature_sensitivity.attacks.pgd import input_gradient
from feature_sensitivity.attacks.random_starts import random_start
from feature_sensitivity.networks.folding import folded_copy

BATCH = 64


@dataclass
class Rows:
    """Every (image, feature, direction) of a sample; values are ``sign`` times the feature."""

    problem: Problem
    features: np.ndarray
    epsilon: float

    def __post_init__(self) -> None:
        self._network = folded_copy(self.problem.network)
        shape = (len(self.problem.x), len(self.features), 2)
        self.image, self.column, self.direction = (
            torch.from_numpy(axis.ravel()) for axis in np.meshgrid(*map(np.arange, shape), indexing="ij")
        )
        self.shape, self.feature = shape, torch.from_numpy(self.features)[self.column]
        self.sign = 1.0 - 2.0 * self.direction
        self.x = self.problem.x[self.image]
        with torch.no_grad():
            clean = self._network.features(self.problem.x)[:, torch.from_numpy(self.features)]
        self.clean = self.sign * clean[self.image, self.column]

    def starts(self) -> Tensor:
        """Return random starts, those of the engine."""
        return random_start(
            seed=0,
            image=torch.from_numpy(self.problem.index)[self.image],
            feature=self.feature,
            direction=self.direction,
            restart=torch.zeros_like(self.image),
            shape=self.x.shape[1:],
            epsilon=self.epsilon,
            norm="linf",
        )

    def gradients(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Return values [n] and gradients [n, ...] at perturbations [n, ...]."""
        found = []
        for batch in torch.arange(len(points)).split(BATCH):
            feature, sign = self.feature[batch], self.sign[batch]

            def objective(x: Tensor, feature: Tensor = feature, sign: Tensor = sign) -> Tensor:
                return sign * self._network.selected_features(x, feature)

            found.append(input_gradient(objective, self.x[batch] + points[batch]))
        values, gradients = zip(*found, strict=True)
        return torch.cat(values), torch.cat(gradients)

    @torch.no_grad()
    def values(self, points: Tensor) -> Tensor:
        """Return the values at perturbations [n, ...], as [n]."""
        batches = torch.arange(len(points)).split(BATCH)
        return torch.cat(
            [self.sign[b] * self._network.selected_features(self.x[b] + points[b], self.feature[b]) for b in batches]
        )

    def movement(self, best: Tensor) -> Tensor:
        """Return how far each image moves its features on average, [n_images]."""
        moved = (torch.maximum(best, self.clean) - self.clean).reshape(self.shape)
        return moved.amax(dim=2).mean(dim=1)


Found = tuple[Tensor, Tensor]
"""Best values [n], and the points that gave them [n, ...]."""


def projected(rows: Rows, steps: int, *, step_size: float) -> Found:
    """Projected sign steps of one length; ``step_size`` is that length in epsilons."""
    point = rows.starts()
    best = _Best(point)
    for _ in range(steps):
        values, gradient = rows.gradients(point)
        best.add(values, point)
        point = (point + step_size * rows.epsilon * gradient.sign()).clamp(-rows.epsilon, rows.epsilon)
    best.add(rows.values(point), point)
    return best.found


def auto_pgd(rows: Rows, steps: int) -> Found:
    """Auto-PGD (Croce and Hein 2020): steps of 2 epsilon that are halved, with a return to the best point."""
    point = before = rows.starts()
    length = torch.full((len(point),), 2 * rows.epsilon)
    values, gradient = rows.gradients(point)
    best, best_gradient, last = _Best(point), gradient, values
    best.add(values, point)
    rises, then, length_then, best_then = torch.zeros(len(point)), 0, length, best.values.clone()
    for k in range(1, steps):
        step = (point + per_row(length, point) * gradient.sign()).clamp(-rows.epsilon, rows.epsilon)
        moved = step if k == 1 else point + 0.75 * (step - point) + 0.25 * (point - before)
        before, point = point, moved.clamp(-rows.epsilon, rows.epsilon)
        values, gradient = rows.gradients(point)
        rises, last = rises + (values > last), values
        better = best.add(values, point)
        best_gradient = torch.where(per_row(better, gradient), gradient, best_gradient)
        if k in _checkpoints(steps):
            halve = (rises < 0.75 * (k - then)) | ((length == length_then) & (best.values == best_then))
            length_then, best_then, then, rises = length, best.values.clone(), k, torch.zeros(len(point))
            length = torch.where(halve, length / 2, length)
            point = torch.where(per_row(halve, point), best.points, point)
            gradient = torch.where(per_row(halve, point), best_gradient, gradient)
    best.add(rows.values(point), point)
    return best.found


def _checkpoints(steps: int) -> set[int]:
    shares = [0.0, 0.22]
    while shares[-1] < 1:
        shares.append(shares[-1] + max(shares[-1] - shares[-2] - 0.03, 0.06))
    return {ceil(share * steps) for share in shares if share <= 1}


class _Best:
    """The best value of each row so far, and where it was found."""

    def __init__(self, points: Tensor) -> None:
        self.values, self.points = torch.full((len(points),), -torch.inf), points.clone()

    def add(self, values: Tensor, points: Tensor) -> Tensor:
        """Take points into account; return where they are better."""
        better = values > self.values
        self.values = torch.where(better, values, self.values)
        self.points = torch.where(per_row(better, points), points, self.points)
        return better

    @property
    def found(self) -> Found:
        return self.values, self.points
