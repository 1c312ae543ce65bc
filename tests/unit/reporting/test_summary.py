"""The summary, and its table of text."""

import math

import numpy as np
import pandas as pd
import pytest
import scipy

from feature_sensitivity.analysis.accuracy_interval import wilson_interval
from feature_sensitivity.analysis.summary import summarize
from feature_sensitivity.evaluation.sensitivity_file import SensitivityFile
from feature_sensitivity.reporting.summary import summary_table, under_stronger_attack


def accuracies(**n_correct: int) -> pd.DataFrame:
    """Accuracies at epsilon 0.1 on 100 images, by replicate."""
    rows = []
    for name, n in n_correct.items():
        interval = wilson_interval(n, 100)
        numbers = {"n_images": 100, "n_correct": n, "accuracy": n / 100, "ci_low": interval.low}
        rows.append(
            {
                "model": name,
                "norm": "linf",
                "epsilon": 0.1,
                "epsilon_255": 5.0,
                **numbers,
                "ci_high": interval.high,
                "seed": 0,
            }
        )
    return pd.DataFrame(rows)


def checks(percents: dict[float, float], **columns: object) -> pd.DataFrame:
    """A row for each epsilon, with the percent of 1,000 images that are classified correctly."""
    rows = []
    for epsilon, percent in percents.items():
        interval = wilson_interval(round(10 * percent), 1000)
        share = {"accuracy": percent / 100, "ci_low": interval.low, "ci_high": interval.high}
        rows.append({"model": "m", "epsilon": epsilon, "n_correct": round(10 * percent), **share, **columns})
    return pd.DataFrame(rows)


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
        at_cap=nothing[0],
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
    table = summary_table(summary)
    assert table["accuracy %"].tolist() == ["55.0 ± 7.1", "70.0 ± 0.0"]
    assert table["sensitivity mean"].tolist() == ["3.0000 ± 1.4142", "1.0000 ± 0.0000"]


def test_the_summary_of_one_seed_has_no_spread():
    summary = summarize(accuracies(normal=50), {("normal", "0.1"): file([1, 3])})
    assert not [name for name in summary.columns if "seed_" in name or name == "n_seeds"]
    table = summary_table(summary)
    assert table["accuracy %"].tolist() == ["50.0 (40.4-59.6)"]
    assert table["sensitivity mean"].tolist() == ["2.0000"]


def test_of_the_seeds_normality_the_largest_p_is_kept():
    normal, skewed = scipy.stats.norm.ppf(np.arange(1, 40) / 40), np.arange(39.0) ** 6
    files = {("normal", "0.1"): file(list(skewed)), ("normal_seed1", "0.1"): file(list(normal))}
    summary = summarize(accuracies(normal=50, normal_seed1=60), files)
    p = summary.sensitivity_normality_p.item()
    assert p == pytest.approx(scipy.stats.normaltest(normal).pvalue)
    assert p > 0.5
    assert "sensitivity_normality_p_seed_std" not in summary


def test_the_summary_shows_apgd_beside_pgd_where_it_was_measured():
    apgd = checks({0.08: 40}, attack="apgd", zero_gradient=0)
    assert under_stronger_attack(checks({0: 90, 0.08: 50}), apgd) == ["", "40.0 (37.0-43.1)"]
    assert under_stronger_attack(checks({0: 90}), checks({0.08: 60}, attack="fgsm", zero_gradient=0)) == [""]
