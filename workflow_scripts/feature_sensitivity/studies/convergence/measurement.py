"""How much more than the protocol's attack more steps and more random starts find, on a sample."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from feature_sensitivity.analysis.estimates import bootstrap, mean_ratio
from feature_sensitivity.config.measurement import ExtremaSettings
from feature_sensitivity.evaluation.feature_extrema import FeatureExtrema
from feature_sensitivity.evaluation.sensitivity import DEFINITIONS

STEP_TIMES_STEPS = 2.5
"""Step size times steps, in epsilons: 20 steps of 1/8, as 7 of 5/14."""


@dataclass
class Best:
    """The extrema of all runs so far."""

    maximum: NDArray[np.floating] = field(default_factory=lambda: np.array(-np.inf))
    minimum: NDArray[np.floating] = field(default_factory=lambda: np.array(np.inf))

    def add(self, run: FeatureExtrema) -> None:
        """Take a run into account."""
        self.maximum = np.maximum(self.maximum, run.maximum)
        self.minimum = np.minimum(self.minimum, run.minimum)

    def movement(self, clean: NDArray[np.floating], definition: str) -> NDArray[np.floating]:
        """Return how far each image moves each feature, [n_images, n_features]."""
        return DEFINITIONS[definition](clean, self.maximum, self.minimum)


def measure_convergence(
    measure: Callable[[ExtremaSettings], FeatureExtrema],
    settings: ExtremaSettings,
    *,
    steps: Sequence[int],
    n_starts: int,
    definition: str,
) -> pd.DataFrame:
    """Return :func:`convergence_table` of runs with these numbers of steps, and of ``n_starts`` runs of ``settings``.

    ``measure`` gives the extrema of the sample under settings.
    """
    attack = settings.attack
    by_steps = {
        n: measure(replace(settings, attack=replace(attack, steps=n, step_size=STEP_TIMES_STEPS * attack.epsilon / n)))
        for n in steps
    }
    by_start = [measure(replace(settings, seed=settings.seed + start)) for start in range(n_starts)]
    return convergence_table(by_steps, by_start, steps=attack.steps, definition=definition)


def convergence_table(
    by_steps: Mapping[int, FeatureExtrema], by_start: Sequence[FeatureExtrema], *, steps: int, definition: str
) -> pd.DataFrame:
    """Return a row for each number of steps and for each number of starts with the protocol's ``steps``.

    ``share_of_best`` is mean movement over that of the best extrema of all runs, bootstrapped over images;
    ``spread`` is the standard deviation of the mean movement over single starts, relative to their mean.
    """
    clean, best = by_start[0].clean, Best()
    for run in [*by_steps.values(), *by_start]:
        best.add(run)
    best_by_image = best.movement(clean, definition).mean(axis=1)
    single = [DEFINITIONS[definition](clean, run.maximum, run.minimum).mean() for run in by_start]

    def row(movement: NDArray[np.floating], **names: Any) -> dict[str, Any]:
        share = bootstrap(mean_ratio, movement.mean(axis=1), best_by_image)
        return {
            **names,
            "mean_movement": float(movement.mean()),
            "share_of_best": share.value,
            "ci_low": share.low,
            "ci_high": share.high,
            "spread": float(np.std(single, ddof=1) / np.mean(single)),
        }

    rows = []
    for n, run in by_steps.items():
        rows.append(row(DEFINITIONS[definition](clean, run.maximum, run.minimum), varied="steps", steps=n, starts=1))
    together = Best()
    for n, run in enumerate(by_start, start=1):
        together.add(run)
        rows.append(row(together.movement(clean, definition), varied="starts", steps=steps, starts=n))
    return pd.DataFrame(rows)
