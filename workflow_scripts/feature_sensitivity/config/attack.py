"""Settings of a projected gradient attack, and the words for its steps."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from feature_sensitivity.config.units import exact, step_length

SCHEDULES = {"constant": "", "linear": " decreasing linearly", "cosine": " decreasing along a cosine"}
"""How step sizes go on from the first, by the config's ``schedule``."""


def steps_sentence(section: Mapping[str, Any]) -> str:
    """Return the number of steps and their sizes, as captions state them, from a section such as ``accuracy``."""
    return f"{section['steps']} steps of {section['relative_step_size']} epsilon{after_first_step(section)}"


def after_first_step(section: Mapping[str, Any]) -> str:
    """Return how an attack goes on, such as `` decreasing linearly, momentum 0.5``."""
    momentum = f", momentum {section['momentum']:g}" if section["momentum"] else ""
    return SCHEDULES[section["schedule"]] + momentum


@dataclass(frozen=True, kw_only=True)
class Attack:
    """Projected gradient ascent; ``epsilon`` and ``step_size`` are in the unit of the inputs that are attacked.

    ``unit``: ``standardized``, or ``pixel`` for a network that takes images in [0, 1].

    ``schedule``: ``constant`` takes every step at ``step_size``; ``linear`` and ``cosine`` let the length fall from
    ``step_size`` towards 0. ``momentum``: by how much the sum of earlier gradients counts in each step (Dong et al.
    2018); 0 is plain PGD.
    """

    norm: str
    epsilon: float
    steps: int
    step_size: float
    schedule: str = "constant"
    momentum: float = 0.0
    unit: str = "standardized"

    @classmethod
    def from_config(cls, section: Mapping[str, Any], epsilon: str | float) -> Self:
        """Return the attack of a section such as ``accuracy``, at an epsilon as spelled in the config."""
        return cls(
            norm=section["norm"],
            epsilon=float(exact(epsilon)),
            steps=section["steps"],
            step_size=step_length(section["relative_step_size"], epsilon),
            schedule=section["schedule"],
            momentum=float(section["momentum"]),
            unit=section["epsilon_unit"],
        )
