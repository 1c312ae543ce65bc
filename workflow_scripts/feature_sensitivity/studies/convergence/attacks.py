"""The attacks that the study of convergence compares. Needs no torch."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

from feature_sensitivity.config.measurement import SensitivitySettings
from feature_sensitivity.config.protocols import PROTOCOLS

CONSTANT, DECREASING, MANY_STARTS = "constant", "decreasing", "many starts"


def attacks(
    settings: SensitivitySettings, *, steps: Sequence[int], n_starts: int
) -> list[tuple[str, Sequence[SensitivitySettings]]]:
    """Return every attack by name, with the runs that make it, the best of which counts.

    These are the protocols, runs of constant and of decreasing steps for each number of ``steps``, and ``n_starts``
    further runs of the most decreasing steps, each from other random starts. Constant steps are of 2.5 epsilon / steps,
    as the paper's 20 of 1/8 epsilon; decreasing ones are those of ``strong``. ``settings``: those of
    the run at one epsilon.
    """

    def run(numbers: Mapping[str, Any], *, start: int = 0, **changes: Any) -> SensitivitySettings:
        return replace(settings, **{**numbers, **changes}, seed=settings.seed + start)

    constant, decreasing = ({**PROTOCOLS[name], "restarts": 1} for name in ("paper", "strong"))
    starts = [run(decreasing, steps=max(steps), start=start) for start in range(1, n_starts + 1)]
    return [
        *((name, [run(numbers)]) for name, numbers in PROTOCOLS.items()),
        *((CONSTANT, [run(constant, steps=n, relative_step_size=str(Fraction(5, 2 * n)))]) for n in steps),
        *((DECREASING, [run(decreasing, steps=n)]) for n in steps),
        (MANY_STARTS, starts),
    ]


def gradient_evaluations(run: SensitivitySettings) -> int:
    """Return the gradients that a run takes for each image, feature and direction."""
    return run.attack.steps * run.restarts
