"""Norms, balls and the pixel box: projection onto them and the steepest direction in them."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from feature_sensitivity.data.standardization import standardize

NORMS = ("linf", "l2")


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
