"""The norms in which perturbations are measured, one object each, by their names in :data:`NORMS`.

Tensors are [n, ...]: a perturbation, or a gradient, for each of n rows.
"""

from collections.abc import Sequence
from math import inf, prod

import torch
from torch import Tensor

from feature_sensitivity.runtime.errors import UserError


class Linf:
    """The largest absolute value; ``order`` is the p of the norm."""

    order: float = inf

    def project(self, perturbation: Tensor, epsilon: float) -> Tensor:
        """Return the nearest perturbations in the ball of radius ``epsilon``."""
        return perturbation.clamp(-epsilon, epsilon)

    def unit_direction(self, gradient: Tensor) -> Tensor:
        """Return the step of length 1 that follows each row's gradient best; 0 where that is 0."""
        return gradient.sign()

    def dual(self, gradient: Tensor) -> Tensor:
        """Return the dual norm of each row, [n].

        A linear function with this gradient grows by at most epsilon times it in the ball of radius epsilon (Hoelder).
        """
        return gradient.flatten(1).abs().sum(dim=1)

    def uniform(self, shape: Sequence[int], epsilon: float, generator: torch.Generator) -> Tensor:
        """Return perturbations of this shape, on the generator's device, uniform in the ball of radius ``epsilon``."""
        return (torch.rand(shape, generator=generator, device=generator.device) * 2 - 1) * epsilon

    def n_numbers(self, n_values: int) -> int:
        """Return how many random numbers :meth:`uniform_from` needs for a perturbation of ``n_values`` values."""
        return n_values

    def uniform_from(self, numbers: Tensor, epsilon: float) -> Tensor:
        """Return perturbations, float32 [n, n_values], uniform in the ball if the numbers are in 0, ..., 2**24 - 1."""
        # Odd multiples of 2**-24 in (-1, 1) are exact in float32.
        return (numbers * 2 + 1 - 2**24).to(torch.float32) * 2.0**-24 * epsilon


class L2:
    """The Euclidean norm, with the methods of :class:`Linf`."""

    order: float = 2

    def project(self, perturbation: Tensor, epsilon: float) -> Tensor:
        """Shorten the rows that are too long."""
        length = per_row(row_norms(perturbation), perturbation)
        return torch.where(length > epsilon, perturbation * (epsilon / length), perturbation)

    def unit_direction(self, gradient: Tensor) -> Tensor:
        """Return the gradients at length 1."""
        # Scaled by its largest entry first, a tiny gradient does not vanish when squared.
        largest = per_row(gradient.flatten(1).abs().amax(dim=1), gradient)
        scaled = gradient / largest.where(largest > 0, 1.0)
        length = per_row(row_norms(scaled), gradient)
        return scaled / length.where(length > 0, 1.0)

    def dual(self, gradient: Tensor) -> Tensor:
        """Return the l2 norms: this norm is its own dual."""
        return row_norms(gradient)

    def uniform(self, shape: Sequence[int], epsilon: float, generator: torch.Generator) -> Tensor:
        """Draw a direction from a Gaussian, and then a radius."""
        direction = torch.randn(shape, generator=generator, device=generator.device)
        radius = torch.rand(shape[0], generator=generator, device=generator.device) ** (1 / prod(shape[1:]))
        return direction * per_row(epsilon * radius / row_norms(direction), direction)

    def n_numbers(self, n_values: int) -> int:
        """Return two for each value, which make a Gaussian one (Box and Muller 1958), and one for the radius."""
        return 2 * n_values + 1

    def uniform_from(self, numbers: Tensor, epsilon: float) -> Tensor:
        """Return Gaussian directions times a radius, computed on the CPU: logarithms and cosines differ elsewhere."""
        n_values = numbers.shape[1] // 2
        first, second, radius = ((numbers.cpu().double() + 0.5) * 2.0**-24).split((n_values, n_values, 1), dim=1)
        gaussian = (-2 * first.log()).sqrt() * (2 * torch.pi * second).cos()
        length = torch.linalg.vector_norm(gaussian, dim=1, keepdim=True)
        return (gaussian / length * radius.pow(1 / n_values) * epsilon).float().to(numbers.device)


Norm = Linf | L2

NORMS: dict[str, Norm] = {"linf": Linf(), "l2": L2()}
"""The norms by the names that the config gives them."""


def norm_named(name: str) -> Norm:
    """Return the norm of this name; raise :class:`UserError` where there is none."""
    if name not in NORMS:
        raise UserError(f"{name!r} is no norm of perturbations; write {' or '.join(NORMS)}")
    return NORMS[name]


def per_row(values: Tensor, like: Tensor) -> Tensor:
    """Return [n] reshaped so that it broadcasts against ``like`` [n, ...]."""
    return values.reshape(-1, *[1] * (like.dim() - 1))


def row_norms(rows: Tensor) -> Tensor:
    """Return the l2 norm of each row [n, ...], as [n]."""
    return torch.linalg.vector_norm(rows.flatten(1), dim=1)
