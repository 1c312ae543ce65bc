"""Balls and the pixel box: projection onto them, and the steepest direction in each norm."""

from typing import NamedTuple

import torch
from torch import Tensor

from feature_sensitivity.data.standardization import Standardization


class Bounds(NamedTuple):
    """The pixel box in standardized units, each [channels, 1, 1]."""

    low: Tensor
    high: Tensor


def pixel_box(standardization: Standardization, device: torch.device) -> Bounds:
    """Return what pixels 0 and 1 become after standardization."""
    black = torch.zeros(1, len(standardization.mean), 1, 1, device=device)
    return Bounds(standardization.standardize(black)[0], standardization.standardize(black + 1)[0])


def project(perturbation: Tensor, x: Tensor, *, norm: str, epsilon: float, bounds: Bounds | None = None) -> Tensor:
    """Return the nearest perturbation [n, ...] in the ball; with ``bounds``, clipped so that x + it lies in them."""
    if norm == "linf":
        perturbation = perturbation.clamp(-epsilon, epsilon)
    else:
        length = per_row(row_norms(perturbation), perturbation)
        perturbation = torch.where(length > epsilon, perturbation * (epsilon / length), perturbation)
    return clip(perturbation, x, bounds)


def clip(perturbation: Tensor, x: Tensor, bounds: Bounds | None) -> Tensor:
    """Return ``perturbation`` [n, ...] clipped so that x + it lies in ``bounds``, if there are any.

    x lies in them, so each entry moves toward 0 and a perturbation in the ball stays there.
    """
    return perturbation if bounds is None else (x + perturbation).clamp(*bounds) - x


def unit_direction(gradient: Tensor, norm: str) -> Tensor:
    """Return the step of length 1 in ``norm`` that follows each row's gradient [n, ...] best; 0 where that is 0."""
    if norm == "linf":
        return gradient.sign()
    # Scaled by its largest entry first, a tiny gradient does not vanish when squared.
    largest = per_row(gradient.flatten(1).abs().amax(dim=1), gradient)
    scaled = gradient / largest.where(largest > 0, 1.0)
    length = per_row(row_norms(scaled), gradient)
    return scaled / length.where(length > 0, 1.0)


def per_row(values: Tensor, like: Tensor) -> Tensor:
    """Return [n] reshaped so that it broadcasts against ``like`` [n, ...]."""
    return values.reshape(-1, *[1] * (like.dim() - 1))


def row_norms(rows: Tensor) -> Tensor:
    """Return the l2 norm of each row [n, ...], as [n]."""
    return torch.linalg.vector_norm(rows.flatten(1), dim=1)
