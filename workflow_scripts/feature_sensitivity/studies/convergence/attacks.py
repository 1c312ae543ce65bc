"""The attacks that the study of convergence compares. Needs no torch."""

from collections.abc import Mapping, Sequence
from typing import Any

from feature_sensitivity.config.measurement import ExtremaSettings
from feature_sensitivity.config.protocols import PROTOCOLS

CONSTANT, DECREASING, MANY_STARTS = "constant", "decreasing", "many starts"


def attacks(
    section: Mapping[str, Any], *, epsilon: str, steps: Sequence[int], n_starts: int, seed: int
) -> list[tuple[str, Sequence[ExtremaSettings]]]:
    """Return every attack by name, with the runs that make it, the best of which counts.

    These are the protocols, runs of constant and of decreasing steps for each number of ``steps``, and ``n_starts``
    further runs of the most decreasing steps, each from other random starts. Constant steps are of 2.5 epsilon / steps,
    as the paper's 20 of 1/8 epsilon; decreasing ones are those of ``strong``. ``section``: as ``sensitivity`` in the
    config.
    """

    def run(numbers: Mapping[str, Any], *, start: int = 0, **changes: Any) -> ExtremaSettings:
        return ExtremaSettings.from_config({**section, **numbers, **changes}, epsilon=epsilon, seed=seed + start)

    constant, decreasing = ({**PROTOCOLS[name], "restarts": 1} for name in ("paper", "strong"))
    starts = [run(decreasing, steps=max(steps), start=start) for start in range(1, n_starts + 1)]
    return [
        *((name, [run(numbers)]) for name, numbers in PROTOCOLS.items()),
        *((CONSTANT, [run(constant, steps=n, relative_step_size=f"5/{2 * n}")]) for n in steps),
        *((DECREASING, [run(decreasing, steps=n)]) for n in steps),
        (MANY_STARTS, starts),
    ]


def gradient_evaluations(run: ExtremaSettings) -> int:
    """Return the gradients that a run takes for each image, feature and direction."""
    return run.attack.steps * run.restarts
