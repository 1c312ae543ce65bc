"""Means and spreads over seeds, by hand."""

import math

import numpy as np
import pandas as pd
import pytest

from feature_sensitivity.analysis.accuracy_interval import wilson_interval
from feature_sensitivity.analysis.estimates import Estimate
from feature_sensitivity.analysis.seeds import accuracy_over_seeds, mean_of, over_seeds

T_OF_3_SEEDS = 4.302653
"""Student's t, 97.5 %, 2 degrees of freedom."""


def accuracies(**n_correct: int) -> pd.DataFrame:
    """Accuracies at epsilon 0.1 on 100 images, by replicate."""
    rows = []
    for name, n in n_correct.items():
        interval = wilson_interval(n, 100)
        numbers = {"n_images": 100, "n_correct": n, "accuracy": n / 100, "ci_low": interval.low}
        rows.append({"model": name, "norm": "linf", "epsilon": 0.1, **numbers, "ci_high": interval.high, "seed": 0})
    return pd.DataFrame(rows)


def test_without_replicates_a_table_stays_as_it_is():
    frame = accuracies(normal=50, adversarial=70)
    assert over_seeds(frame, by=["epsilon"], numbers=["accuracy"]) is frame
    pd.testing.assert_frame_equal(accuracy_over_seeds(frame), frame)


def test_mean_and_standard_deviation_over_seeds():
    frame = accuracies(normal=50, normal_seed1=54, normal_seed2=58, adversarial=70, adversarial_seed1=70)
    pooled = over_seeds(frame.iloc[:3], by=["epsilon"], numbers=["n_correct", "accuracy"])
    assert list(pooled.columns) == [*frame.columns, "n_seeds", "n_correct_seed_std", "accuracy_seed_std"]
    row = pooled.iloc[0]
    assert (row.model, row.norm, row.n_images, row.seed, row.n_seeds) == ("normal", "linf", 100, 0, 3)
    assert row.n_correct == pytest.approx(54)
    assert row.accuracy_seed_std == pytest.approx(0.04)


def test_a_number_that_one_seed_lacks_has_no_mean():
    frame = pd.DataFrame({"model": ["a", "a_seed1"], "epsilon": 0.1, "skewness": [0.5, np.nan]})
    assert over_seeds(frame, by=["epsilon"], numbers=["skewness"]).skewness.isna().all()


def test_the_interval_of_a_mean_has_room_for_images_and_seeds():
    estimates = [Estimate(value, value - 0.03, value + 0.02) for value in (0.5, 0.6, 0.7)]
    of_seeds = T_OF_3_SEEDS * 0.1 / math.sqrt(3)
    mean = mean_of(estimates)
    assert mean.value == pytest.approx(0.6)
    assert mean.low == pytest.approx(0.6 - math.hypot(0.03, of_seeds))
    assert mean.high == pytest.approx(0.6 + math.hypot(0.02, of_seeds))


def test_seeds_that_agree_leave_the_interval_of_one():
    one = Estimate(0.5, 0.4, 0.7)
    assert mean_of([one]) is one
    assert mean_of([one, one]) == pytest.approx(one)


def test_the_interval_of_an_accuracy_stays_within_0_and_1():
    row = accuracy_over_seeds(accuracies(normal=1, normal_seed1=90)).iloc[0]
    assert (row.ci_low, row.ci_high) == (0, 1)
    assert row.accuracy == pytest.approx(0.455)
