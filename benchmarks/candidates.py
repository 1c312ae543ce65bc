"""Attacks on features that were tried before a protocol was chosen, on plain tensors.

All follow one loop: a gradient at each point, the best value of all points kept, the last point included. They differ
in where they start, in how gradients are summed, in how long steps are, and in whether they return to the best point.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import reduce
from math import ceil

import numpy as np
import torch
from problem import Problem
from torch import Tensor

from feature_sensitivity.attacks.pgd import accumulated, input_gradient
from feature_sensitivity.attacks.projection import per_row
from feature_sensitivity.attacks.random_starts import random_start
from feature_sensitivity.attacks.step_sizes import step_sizes
from feature_sensitivity.networks.folding import folded_copy

BATCH = 64


@dataclass
class Rows:
    """Every (image, feature, direction) of a sample; values are ``sign`` times the feature.

    ``evaluations`` counts gradient evaluations for each row.
    """

    problem: Problem
    features: np.ndarray
    epsilon: float
    evaluations: float = field(default=0.0, init=False)

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

    def starts(self, restart: int = 0) -> Tensor:
        """Return random starts, those of the engine."""
        return random_start(
            seed=0,
            image=torch.from_numpy(self.problem.index)[self.image],
            feature=self.feature,
            direction=self.direction,
            restart=torch.full_like(self.image, restart),
            shape=self.x.shape[1:],
            epsilon=self.epsilon,
            norm="linf",
        )

    def gradients(self, points: Tensor, *, surrogate: bool = False) -> tuple[Tensor, Tensor]:
        """Return values [n] and gradients [n, ...] at perturbations [n, ...]."""
        found = []
        for batch in torch.arange(len(points)).split(BATCH):
            feature, sign = self.feature[batch], self.sign[batch]

            def objective(x: Tensor, feature: Tensor = feature, sign: Tensor = sign) -> Tensor:
                return sign * self._network.selected_features(x, feature, surrogate_relu=surrogate)

            found.append(input_gradient(objective, self.x[batch] + points[batch]))
        self.evaluations += 1
        values, gradients = zip(*found, strict=True)
        return torch.cat(values), torch.cat(gradients)

    @torch.no_grad()
    def values(self, points: Tensor) -> Tensor:
        """Return the values at perturbations [n, ...], as [n]."""
        batches = torch.arange(len(points)).split(BATCH)
        return torch.cat(
            [self.sign[b] * self._network.selected_features(self.x[b] + points[b], self.feature[b]) for b in batches]
        )

    @torch.no_grad()
    def harvested(self, points: Tensor, best: Tensor) -> tuple[Tensor, Tensor]:
        """Return each row's best value over the points of all rows of the same image, and that point."""
        chosen = torch.from_numpy(self.features)
        batches = torch.arange(len(points)).split(BATCH)
        everything = torch.cat([self._network.features(self.x[b] + points[b])[:, chosen] for b in batches])
        best, points = best.clone(), points.clone()
        for image in range(self.shape[0]):
            rows = (self.image == image).nonzero()[:, 0]
            signed = self.sign[rows][:, None] * everything[rows][:, self.column[rows]].T  # [row, point]
            value, place = signed.max(dim=1)
            better = value > best[rows]
            best[rows[better]] = value[better]
            points[rows[better]] = points[rows[place[better]]]
        return best, points

    def movement(self, best: Tensor) -> Tensor:
        """Return how far each image moves its features on average, [n_images]."""
        moved = (torch.maximum(best, self.clean) - self.clean).reshape(self.shape)
        return moved.amax(dim=2).mean(dim=1)


Found = tuple[Tensor, Tensor]
"""Best values [n], and the points that gave them [n, ...]."""


def projected(
    rows: Rows,
    steps: int,
    *,
    first: float,
    momentum: float = 0.0,
    schedule: str = "constant",
    surrogate_steps: int = 0,
    start: Tensor | None = None,
    restart: int = 0,
    nesterov: bool = False,
) -> Found:
    """Sign steps with momentum, projected; ``first`` is the first step's length in epsilons."""
    point = rows.starts(restart) if start is None else start
    best, velocity = _Best(point), torch.zeros_like(point)
    for i, length in enumerate(step_sizes(first * rows.epsilon, steps=steps, schedule=schedule)):
        ahead = momentum * length * velocity.sign() if nesterov else 0.0
        seen = (point + ahead).clamp(-rows.epsilon, rows.epsilon)
        values, gradient = rows.gradients(seen, surrogate=i < surrogate_steps)
        best.add(values, seen)
        velocity = accumulated(gradient, velocity, momentum)
        point = (point + length * velocity.sign()).clamp(-rows.epsilon, rows.epsilon)
    best.add(rows.values(point), point)
    return best.found


def frank_wolfe(rows: Rows, steps: int, *, momentum: float, surrogate_steps: int = 0) -> Found:
    """Move towards the vertex that the summed gradient names, by decreasing shares (Frank and Wolfe 1956)."""
    point = rows.starts()
    best, velocity = _Best(point), torch.zeros_like(point)
    for i, share in enumerate(step_sizes(1.0, steps=steps, schedule="cosine")):
        values, gradient = rows.gradients(point, surrogate=i < surrogate_steps)
        best.add(values, point)
        velocity = accumulated(gradient, velocity, momentum)
        point = point + share * (rows.epsilon * velocity.sign() - point)
    best.add(rows.values(point), point)
    return best.found


def adam(rows: Rows, steps: int, *, first: float) -> Found:
    """Adam's direction (Kingma, Ba 2015) with steps that fall along a cosine."""
    point = rows.starts()
    best, mean, square = _Best(point), torch.zeros_like(point), torch.zeros_like(point)
    for i, length in enumerate(step_sizes(first * rows.epsilon, steps=steps, schedule="cosine")):
        values, gradient = rows.gradients(point)
        best.add(values, point)
        gradient = gradient / per_row(gradient.flatten(1).abs().mean(dim=1).clamp(min=1e-30), gradient)
        mean, square = 0.8 * mean + 0.2 * gradient, 0.95 * square + 0.05 * gradient**2
        direction = (mean / (1 - 0.8 ** (i + 1))) / ((square / (1 - 0.95 ** (i + 1))).sqrt() + 1e-8)
        point = (point + length * direction).clamp(-rows.epsilon, rows.epsilon)
    best.add(rows.values(point), point)
    return best.found


def conjugate(rows: Rows, steps: int, *, first: float) -> Found:
    """Conjugate gradients (Yamamura et al. 2022), sign steps that fall along a cosine."""
    point = rows.starts()
    best, direction, before = _Best(point), torch.zeros_like(point), torch.zeros_like(point)
    for i, length in enumerate(step_sizes(first * rows.epsilon, steps=steps, schedule="cosine")):
        values, gradient = rows.gradients(point)
        best.add(values, point)
        change = before - gradient
        divisor = (direction * change).flatten(1).sum(dim=1)
        beta = -(gradient * change).flatten(1).sum(dim=1) / divisor.where(divisor != 0, 1.0)
        direction = gradient + per_row(beta.where((divisor != 0) & (i > 0), 0.0), gradient) * direction
        before = gradient
        point = (point + length * direction.sign()).clamp(-rows.epsilon, rows.epsilon)
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


def restarted(attack: Callable[..., Found], rows: Rows, starts: int) -> Found:
    """Return the best of several random starts."""
    return reduce(better_of, (attack(rows, restart=restart) for restart in range(starts)))


def better_of(first: Found, second: Found) -> Found:
    """Return the better of two results, row by row."""
    better = second[0] > first[0]
    return second[0].where(better, first[0]), second[1].where(per_row(better, first[1]), first[1])


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
