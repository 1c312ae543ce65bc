"""Projection onto a ball, whose norm :mod:`.norms` knows, and onto the pixel box."""

from typing import NamedTuple

import torch
from torch import Tensor

from feature_sensitivity.attacks.norms import norm_named
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
    return clip(norm_named(norm).project(perturbation, epsilon), x, bounds)


def clip(perturbation: Tensor, x: Tensor, bounds: Bounds | None) -> Tensor:
    """Return ``perturbation`` [n, ...] clipped so that x + it lies in ``bounds``, if there are any.

    x lies in them, so each entry moves toward 0 and a perturbation in the ball stays there.
    """
    return perturbation if bounds is None else (x + perturbation).clamp(*bounds) - x
