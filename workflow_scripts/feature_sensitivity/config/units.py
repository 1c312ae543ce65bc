"""Epsilon as the config spells it, as files are named by it, and in both of its units.

In standardized units, (pixel - mean) / std, a ball depends on the standardization of the model. In pixel units, shares
of the pixel range, it is the same for every model. A measurement records ``epsilon``, the number in its own unit,
``epsilon_255``, in 255ths of the pixel range, and, if its own unit is pixel, ``epsilon_standardized``. Where channels
have different std, the other unit is that of their average.
"""

import math
import re
from collections.abc import Container, Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any

UNIT_TITLES = {
    "standardized": "standardized units (255ths of the pixel range)",
    "pixel": "255ths of the pixel range (standardized units)",
}
"""By the unit of a run, how texts with both units are to be read."""

COLUMNS = ("epsilon", "epsilon_255", "epsilon_standardized")
"""What a measurement records of its epsilon; the last one in pixel units only."""


def exact(epsilon: str | float) -> Fraction:
    """Return the number that ``"0.08"``, ``"8/255"`` or ``"0.5/255"`` spells.

    Raises :class:`ValueError` for a text that spells none, or one with an exponent of four digits, which no float has.
    """
    numerator, slash, denominator = str(epsilon).partition("/")
    if "/" in denominator or re.search(r"(?i)e[+-]?[0-9_]{4}", str(epsilon)):
        raise ValueError(f"{str(epsilon)[:60]!r} is no decimal or fraction that can be computed with")
    return Fraction(numerator) / Fraction(denominator if slash else 1)


def number(epsilon: str | float) -> float:
    """Return an epsilon, as spelled in the config, as tables have it."""
    return float(exact(epsilon))


def sections_with_unit(config: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the sections of the config that say how to attack, each with ``epsilon_unit``."""
    names = ("adversarial_training", "accuracy", "sensitivity")
    return {name: {**config[name], "epsilon_unit": config["epsilon_unit"]} for name in names}


def as_file_name(epsilon: str) -> str:
    """Return an epsilon as it stands in file names: ``8-255`` for ``8/255``; names of models have no hyphen."""
    return epsilon.replace("/", "-")


def from_file_name(text: str) -> str:
    """Return an epsilon as the config spells it."""
    return text.replace("-", "/")


def step_length(relative_step_size: str | float, epsilon: str | float) -> float:
    """Return the step size for a share of epsilon such as ``"5/14"`` or ``0.125``, in epsilon's unit."""
    return float(exact(relative_step_size) * exact(epsilon))


def epsilon_columns(epsilon: str, *, unit: str, std: Sequence[float]) -> dict[str, float]:
    """Return what a measurement records of its epsilon; ``std`` is that of the model's standardization, per channel."""
    number = float(exact(epsilon))
    if unit == "pixel":
        return {
            "epsilon": number,
            "epsilon_255": float(255 * exact(epsilon)),
            "epsilon_standardized": number / (sum(std) / len(std)),
        }
    return {"epsilon": number, "epsilon_255": number * 255 * sum(std) / len(std)}


def unit_of(recorded: Container[str]) -> str:
    """Return the unit of a measurement, from the names of what it records."""
    return "pixel" if "epsilon_standardized" in recorded else "standardized"


def own_unit(recorded: Mapping[Any, Any]) -> str:
    """Return a measurement's epsilon as text in its own unit, such as ``0.08`` or ``8/255``."""
    return f"{255 * recorded['epsilon']:g}/255" if unit_of(recorded) == "pixel" else f"{recorded['epsilon']:g}"


def other_unit(recorded: Mapping[Any, Any]) -> str | None:
    """Return an epsilon as text in the other unit, such as ``4.1/255`` or ``0.156 standardized``; None for NaN."""
    pixel = unit_of(recorded) == "pixel"
    number = recorded["epsilon_standardized" if pixel else "epsilon_255"]
    if math.isnan(number):
        return None
    return f"{number:.3g} standardized" if pixel else f"{number:.1f}/255"


def in_both_units(recorded: Iterable[Mapping[Any, Any]], *, spelled: str | None = None) -> str:
    """Return a text with both units, such as ``0.08 (4.1/255)``, for measurements of one epsilon.

    Models with different standardizations have no second unit in common; then it is left out. ``spelled`` is how the
    config spells the first.
    """
    measurements = list(recorded)
    first = spelled or own_unit(measurements[0])
    others = {other_unit(measurement) for measurement in measurements}
    return f"{first} ({others.pop()})" if len(others) == 1 and None not in others else first
