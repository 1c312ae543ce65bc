"""Projected gradient ascent (Madry et al. 2018) in an l_inf or l2 ball, for any objective."""

from collections.abc import Callable
from math import cos, pi

import torch
from torch import Tensor
from torch.nn import functional as F

from feature_sensitivity.attacks.norms import norm_named, per_row
from feature_sensitivity.attacks.projection import Bounds, project
from feature_sensitivity.config.attack import Attack

Objective = Callable[[Tensor], Tensor]


def cross_entropy(network: Objective, y: Tensor) -> Objective:
    """Return the loss of the images' classes, int64 [n], as an objective."""
    return lambda points: F.cross_entropy(network(points), y, reduction="none")


def step_sizes(first: float, *, steps: int, schedule: str) -> list[float]:
    """Return the lengths of all steps, the first of which is ``first``.

    ``schedule``: ``constant``, or decreasing to 0: ``linear``, or ``cosine``, along half a period (Loshchilov and
    Hutter 2017).
    """
    shares = {
        "constant": [1.0] * steps,
        "linear": [1 - i / steps for i in range(steps)],
        "cosine": [(1 + cos(pi * i / steps)) / 2 for i in range(steps)],
    }
    return [first * share for share in shares[schedule]]


def input_gradient(objective: Objective, x: Tensor) -> tuple[Tensor, Tensor]:
    """Return the objective's values [n] and their gradients [n, ...]; value i must depend on ``x[i]`` alone."""
    x = x.detach().requires_grad_()
    values = objective(x)
    (gradient,) = torch.autograd.grad(values.sum(), x)
    return values.detach(), gradient


def accumulated(gradient: Tensor, velocity: Tensor, momentum: float) -> Tensor:
    """Return the gradient [n, ...], or with momentum the decayed sum of this and the earlier ones.

    Each gradient is divided by its mean absolute value first (Dong et al. 2018). ``velocity`` [n, ...] is the sum so
    far; without momentum it is not used.
    """
    if momentum == 0:
        return gradient
    mean = per_row(gradient.flatten(1).abs().mean(dim=1), gradient)
    return momentum * velocity + gradient / mean.where(mean > 0, 1.0)


def take_step(
    perturbation: Tensor,
    velocity: Tensor,
    x: Tensor,
    *,
    length: float | Tensor,
    attack: Attack,
    bounds: Bounds | None = None,
) -> Tensor:
    """Return the next iterate [n, ...]: a step along ``velocity``, projected; a row whose velocity is 0 stays.

    ``length`` is one of :func:`step_sizes`, or one for each row, [n, 1, ...].
    """
    moved = perturbation + length * norm_named(attack.norm).unit_direction(velocity)
    return project(moved, x, norm=attack.norm, epsilon=attack.epsilon, bounds=bounds)


def run_pgd(objective: Objective, x: Tensor, start: Tensor, *, attack: Attack, bounds: Bounds | None = None) -> Tensor:
    """Return the last iterate, a perturbation [n, ...] of ``x`` that makes ``objective`` large."""
    perturbation = project(start, x, norm=attack.norm, epsilon=attack.epsilon, bounds=bounds)
    velocity = torch.zeros_like(x)
    for length in step_sizes(attack.step_size, steps=attack.steps, schedule=attack.schedule):
        _, gradient = input_gradient(objective, x + perturbation)
        velocity = accumulated(gradient, velocity, attack.momentum)
        perturbation = take_step(perturbation, velocity, x, length=length, attack=attack, bounds=bounds)
    return perturbation
