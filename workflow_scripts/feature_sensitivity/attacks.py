"""Projected gradient ascent (Madry et al. 2018) in an l_inf or l2 ball, for any objective."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from feature_sensitivity.datasets import standardize

NORMS = ("linf", "l2")
Objective = Callable[[Tensor], Tensor]


class Bounds(NamedTuple):
    """The pixel box in standardized units, each [channels, 1, 1]."""

    low: Tensor
    high: Tensor


def pixel_box(mean: Sequence[float], std: Sequence[float], device: torch.device) -> Bounds:
    """What pixels in [0, 1] become after standardization."""
    black = torch.zeros(1, len(mean), 1, 1, device=device)
    return Bounds(standardize(black, mean, std)[0], standardize(black + 1, mean, std)[0])


def per_row(values: Tensor, like: Tensor) -> Tensor:
    """[n] reshaped so that it broadcasts against ``like`` [n, ...]."""
    return values.reshape(-1, *[1] * (like.dim() - 1))


def row_norms(rows: Tensor) -> Tensor:
    """The l2 norm of each row [n, ...], as [n]."""
    return torch.linalg.vector_norm(rows.flatten(1), dim=1)


def input_gradient(objective: Objective, x: Tensor) -> tuple[Tensor, Tensor]:
    """The objective's values [n] and their gradients [n, ...]; value i must depend on ``x[i]`` alone."""
    x = x.detach().requires_grad_()
    values = objective(x)
    (gradient,) = torch.autograd.grad(values.sum(), x)
    return values.detach(), gradient


def clip(perturbation: Tensor, x: Tensor, bounds: Bounds | None) -> Tensor:
    """``perturbation`` [n, ...] clipped so that x + it lies in ``bounds``, if there are any.

    x lies in them, so each entry moves toward 0 and a perturbation in the ball stays there.
    """
    return perturbation if bounds is None else (x + perturbation).clamp(*bounds) - x


def unit_direction(gradient: Tensor, norm: str) -> Tensor:
    """The step of length 1 in ``norm`` that follows each row's gradient best; 0 where the gradient is 0."""
    if norm == "linf":
        return gradient.sign()
    # Scaled by its largest entry first, a tiny gradient does not vanish when squared.
    largest = per_row(gradient.flatten(1).abs().amax(dim=1), gradient)
    scaled = gradient / largest.where(largest > 0, 1.0)
    length = per_row(row_norms(scaled), gradient)
    return scaled / length.where(length > 0, 1.0)


@dataclass(frozen=True, kw_only=True)
class PGD:
    """Projected gradient ascent; epsilon and step size in the units of the inputs.

    A row whose gradient is exactly 0 stays where it is.
    """

    norm: str
    epsilon: float
    steps: int
    step_size: float

    def project(self, perturbation: Tensor, x: Tensor, bounds: Bounds | None = None) -> Tensor:
        """The nearest perturbation [n, ...] in the ball; with ``bounds``, clipped so that x + it lies in them."""
        if self.norm == "linf":
            perturbation = perturbation.clamp(-self.epsilon, self.epsilon)
        else:
            length = per_row(row_norms(perturbation), perturbation)
            perturbation = torch.where(length > self.epsilon, perturbation * (self.epsilon / length), perturbation)
        return clip(perturbation, x, bounds)

    def step(self, perturbation: Tensor, gradient: Tensor, x: Tensor, bounds: Bounds | None = None) -> Tensor:
        """The next iterate."""
        moved = perturbation + self.step_size * unit_direction(gradient, self.norm)
        return self.project(moved, x, bounds)

    def run(self, objective: Objective, x: Tensor, start: Tensor, bounds: Bounds | None = None) -> Tensor:
        """The last iterate, a perturbation [n, ...] of ``x`` that makes ``objective`` large."""
        perturbation = self.project(start, x, bounds)
        for _ in range(self.steps):
            _, gradient = input_gradient(objective, x + perturbation)
            perturbation = self.step(perturbation, gradient, x, bounds)
        return perturbation
