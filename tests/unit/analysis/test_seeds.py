"""Means and spreads over seeds, by hand."""

import math

import numpy as np
import pandas as pd
import pytest

from feature_sensitivity.analysis.estimates import Estimate, wilson_interval
from feature_sensitivity.analysis.seeds import accuracy_over_seeds, mean_of, over_seeds
from feature_sensitivity.evaluation.sensitivity_file import SensitivityFile
from summarize_results import readable, summarize

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
    assert accuracy_over_seeds(frame) is frame


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


def file(values: list[float]) -> SensitivityFile:
    """What the summary reads of a file: two features."""
    nothing = np.zeros((1, 2), dtype=np.float32)
    index = np.zeros(1, dtype=np.int64)
    return SensitivityFile(
        clean=nothing,
        maximum=nothing,
        minimum=nothing,
        sensitivity=np.array(values, dtype=np.float32),
        sensitivity_raw=nothing[0],
        standard_error=nothing[0],
        zero_gradient=nothing[0],
        weight=nothing,
        image_index=index,
        label=index,
        feature_index=np.arange(2),
        attributes={},
    )


def test_the_summary_has_one_row_for_each_model_and_epsilon():
    frame = accuracies(normal=50, normal_seed1=60, adversarial=70, adversarial_seed1=70)
    values = {"normal": [1, 3], "normal_seed1": [2, 6], "adversarial": [1, 1], "adversarial_seed1": [1, 1]}
    summary = summarize(frame, {(name, "0.1"): file(numbers) for name, numbers in values.items()})
    assert summary.model.tolist() == ["normal", "adversarial"]
    normal = summary.iloc[0]
    # Means 2 and 4: 3, and sqrt(2); standard deviations over features sqrt(2) and 2 sqrt(2).
    assert normal.sensitivity_mean == pytest.approx(3)
    assert normal.sensitivity_mean_seed_std == pytest.approx(math.sqrt(2))
    assert normal.sensitivity_std == pytest.approx(1.5 * math.sqrt(2))
    table = readable(summary, [0.2])
    assert table["accuracy %"].tolist() == ["55.0 ± 7.1", "70.0 ± 0.0"]
    assert table["sensitivity mean"].tolist() == ["3.0000 ± 1.4142", "1.0000 ± 0.0000"]


def test_the_summary_of_one_seed_has_no_spread():
    summary = summarize(accuracies(normal=50), {("normal", "0.1"): file([1, 3])})
    assert not [name for name in summary.columns if "seed_" in name or name == "n_seeds"]
    table = readable(summary, [0.2])
    assert table["accuracy %"].tolist() == ["50.0 (40.4-59.6)"]
    assert table["sensitivity mean"].tolist() == ["2.0000"]
