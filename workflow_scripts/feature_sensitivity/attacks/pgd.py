"""Projected gradient ascent (Madry et al. 2018) in an l_inf or l2 ball, for any objective."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from feature_sensitivity.attacks.projection import Bounds, clip, per_row, row_norms, unit_direction

Objective = Callable[[Tensor], Tensor]


def input_gradient(objective: Objective, x: Tensor) -> tuple[Tensor, Tensor]:
    """The objective's values [n] and their gradients [n, ...]; value i must depend on ``x[i]`` alone."""
    x = x.detach().requires_grad_()
    values = objective(x)
    (gradient,) = torch.autograd.grad(values.sum(), x)
    return values.detach(), gradient


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
