"""The attacks of the convergence study and its table, on extrema small enough to follow."""

import numpy as np
import pytest

from feature_sensitivity.config.measurement import SensitivitySettings
from feature_sensitivity.config.protocols import PROTOCOLS
from feature_sensitivity.evaluation.feature_extrema import FeatureExtrema
from feature_sensitivity.studies.convergence.attacks import attacks, gradient_evaluations
from feature_sensitivity.studies.convergence.measurement import convergence_table

COMPARED = attacks(SensitivitySettings(epsilon="0.08", seed=3), steps=[10, 20], n_starts=2)


def test_every_attack_is_compared():
    assert [name for name, _ in COMPARED] == [*PROTOCOLS, *["constant"] * 2, *["decreasing"] * 2, "many starts"]
    by_name = {(name, runs[0].attack.steps): runs for name, runs in COMPARED}
    assert by_name["constant", 20] == by_name["paper", 20], "so it is measured once"
    (ten,) = by_name["constant", 10]
    assert ten.attack.step_size == pytest.approx(0.02)
    (decreasing,) = by_name["decreasing", 20]
    assert decreasing.attack.schedule == PROTOCOLS["strong"]["schedule"]
    assert decreasing.surrogate_steps == PROTOCOLS["strong"]["surrogate_steps"]
    assert gradient_evaluations(decreasing) == 20
    starts = by_name["many starts", 20]
    assert [run.seed for run in starts] == [4, 5]
    assert {run.attack for run in starts} == {decreasing.attack}


def test_shares_are_of_the_best_of_all_attacks():
    """Two images, one feature: constant steps raise it, other starts lower it, and the best known has both."""
    measured: list[SensitivitySettings] = []

    def measure(settings: SensitivitySettings) -> FeatureExtrema:
        measured.append(settings)
        clean = np.ones((2, 1), np.float32)
        up = 0.5 if settings.attack.schedule == "constant" else 0.2
        down = 1.5 if settings.seed == 5 else 0.0
        zero_gradient = np.zeros((2, 1), bool)
        return FeatureExtrema(clean, clean + np.float32(up), clean - np.float32(down), zero_gradient, batch_size=64)

    table = convergence_table(measure, COMPARED, definition="range")
    shares = table.groupby("attack", sort=False).share_of_best.first()
    assert shares["paper"] == pytest.approx(0.5 / 2)
    assert shares["decreasing"] == pytest.approx(0.2 / 2)
    assert shares["many starts"] == pytest.approx(1.7 / 2)
    assert table.gradient_evaluations.iloc[-1] == 40
    assert table.starts.iloc[-1] == 2
    assert len(measured) == len(set(measured)), "the same settings are measured once"
