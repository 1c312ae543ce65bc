"""Epsilon in both of its units: standardized, and 255ths of the pixel range."""

from collections.abc import Sequence
from fractions import Fraction


def step_length(relative_step_size: str | float, epsilon: str | float) -> float:
    """Return the step size for a share of epsilon such as ``"5/14"`` or ``0.125``, in epsilon's unit."""
    return float(Fraction(str(relative_step_size)) * Fraction(str(epsilon)))


def epsilon_255(epsilon: str | float, std: Sequence[float]) -> float:
    """Return a standardized epsilon in 255ths of the pixel range, averaged over the channels."""
    return float(epsilon) * 255 * sum(std) / len(std)


def in_both_units(epsilon: str | float, std: Sequence[float]) -> str:
    """Return a text with both, such as ``0.08 (4.1/255)``."""
    return f"{epsilon} ({epsilon_255(epsilon, std):.1f}/255)"
