"""Projected gradient ascent (Madry et al. 2018) in an l_inf or l2 ball, for any objective."""

from collections.abc import Callable
from fractions import Fraction
from typing import Literal, NamedTuple

import torch
from torch import Tensor

NORMS = ("linf", "l2")
Objective = Callable[[Tensor], Tensor]


class Bounds(NamedTuple):
    """The pixel box in standardized units, each [channels, 1, 1]."""

    low: Tensor
    high: Tensor


def step_length(relative_step_size: str | float, epsilon: float) -> float:
    """The step size for a share of epsilon such as ``"5/14"`` or ``0.125``."""
    return float(Fraction(str(relative_step_size)) * Fraction(str(epsilon)))


def per_row(values: Tensor, like: Tensor) -> Tensor:
    """[n] reshaped so that it broadcasts against ``like`` [n, ...]."""
    return values.reshape(-1, *[1] * (like.dim() - 1))


def input_gradient(objective: Objective, x: Tensor) -> tuple[Tensor, Tensor]:
    """The objective's values [n] and their gradients [n, ...]; row i depends on ``x[i]`` alone."""
    x = x.detach().requires_grad_()
    values = objective(x)
    (gradient,) = torch.autograd.grad(values.sum(), x)
    return values.detach(), gradient


def ascent_direction(gradient: Tensor, norm: str) -> Tensor:
    """The unit step that raises the objective fastest; 0 where a row's gradient is 0."""
    if norm == "linf":
        return gradient.sign()
    # Scaling by the largest entry first keeps tiny gradients from vanishing when squared.
    largest = per_row(gradient.flatten(1).abs().amax(dim=1), gradient)
    scaled = gradient / largest.where(largest > 0, 1.0)
    length = per_row(scaled.flatten(1).norm(dim=1), gradient)
    return scaled / length.where(length > 0, 1.0)


def project(
    perturbation: Tensor, *, epsilon: float, norm: str, x: Tensor | None = None, bounds: Bounds | None = None
) -> Tensor:
    """The nearest perturbation in the ball of radius ``epsilon``, then clipped so that x + it lies in ``bounds``."""
    if norm == "linf":
        perturbation = perturbation.clamp(-epsilon, epsilon)
    else:
        length = per_row(perturbation.flatten(1).norm(dim=1), perturbation)
        perturbation = perturbation * (epsilon / length.clamp(min=torch.finfo(length.dtype).tiny)).clamp(max=1.0)
    if x is not None and bounds is not None:
        # Each entry only moves toward 0, so the result stays in the ball.
        perturbation = (x + perturbation).clamp(bounds.low, bounds.high) - x
    return perturbation


def pgd(
    objective: Objective,
    x: Tensor,
    *,
    epsilon: float,
    norm: str,
    steps: int,
    step_size: float,
    start: Tensor,
    bounds: Bounds | None = None,
    keep: Literal["last", "best"] = "last",
) -> Tensor:
    """Perturbations [n, ...] of ``x`` that make ``objective`` large.

    Args:
        objective: maps inputs [n, ...] to values [n]; row i may depend on input i only.
        x: inputs [n, ...]; epsilon and step_size are in its units.
        start: the perturbations from which the ascent starts, within the ball.
        keep: the last iterate, or the best one of all, start and x itself included.
    """
    perturbation = project(start, epsilon=epsilon, norm=norm, x=x, bounds=bounds)
    best, best_values = torch.zeros_like(x), None
    if keep == "best":
        with torch.no_grad():
            best_values = objective(x)
    for _ in range(steps):
        values, gradient = input_gradient(objective, x + perturbation)
        if best_values is not None:
            best, best_values = _better(best, best_values, perturbation, values)
        moved = perturbation + step_size * ascent_direction(gradient, norm)
        perturbation = project(moved, epsilon=epsilon, norm=norm, x=x, bounds=bounds)
    if best_values is None:
        return perturbation
    with torch.no_grad():
        values = objective(x + perturbation)
    return _better(best, best_values, perturbation, values)[0]


def _better(old: Tensor, old_values: Tensor, new: Tensor, new_values: Tensor) -> tuple[Tensor, Tensor]:
    improved = new_values > old_values
    return torch.where(per_row(improved, new), new, old), torch.where(improved, new_values, old_values)
