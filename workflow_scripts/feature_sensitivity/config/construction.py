"""Settings of the construction of a robust dataset."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self


@dataclass(frozen=True, kw_only=True)
class ConstructionSettings:
    """l2-normalized gradient descent; the step size is in units of [0, 1] pixels.

    ``schedule`` and ``momentum`` as of :class:`feature_sensitivity.config.attack.Attack`.
    ``tolerance``: an image is finished before its last step when its relative representation distance is
    this or less; None takes all steps. ``batch_size`` is how many images are moved at a time.
    """

    steps: int
    step_size: float
    schedule: str = "constant"
    momentum: float = 0.0
    tolerance: float | None
    batch_size: int
    seed: int

    @classmethod
    def from_config(cls, section: Mapping[str, Any], *, seed: int) -> Self:
        """Return the settings of an entry of ``datasets`` whose source is ``construction``."""
        names = ("steps", "step_size", "schedule", "momentum", "tolerance", "batch_size")
        return cls(seed=seed, **{name: section[name] for name in names})
