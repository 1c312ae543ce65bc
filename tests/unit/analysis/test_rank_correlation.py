"""Spearman's rank correlation and its interval."""

import math

import numpy as np
import pytest

from feature_sensitivity.analysis.rank_correlation import rank_correlation


def test_it_is_that_of_ranks_whatever_the_scale():
    first, second = [1.0, 2.0, 3.0, 4.0, 5.0], [1.0, 8.0, 4.0, 1000.0, 900.0]
    assert rank_correlation(first, second).value == pytest.approx(0.8)  # two swaps: 1 - 6 * 4 / (5 * 24)
    assert rank_correlation(first, -np.array(second)).value == pytest.approx(-0.8)


def test_the_interval_covers_the_true_correlation_as_often_as_it_says():
    rng = np.random.default_rng(0)
    correlation = 0.6
    true = 6 / math.pi * math.asin(correlation / 2)  # of a bivariate normal distribution (Pearson 1907)
    covered = 0
    for _ in range(400):
        x, y = rng.multivariate_normal([0, 0], [[1, correlation], [correlation, 1]], size=20).T
        found = rank_correlation(x, y)
        covered += found.low <= true <= found.high
    assert covered / 400 >= 0.93


def test_a_perfect_order_of_few_models_is_not_taken_for_certain():
    few, many = (rank_correlation(range(n), range(n)) for n in (5, 30))
    assert [few.value, many.value] == pytest.approx([1, 1])
    assert few.low < many.low < 1
    assert many.high >= many.value


def test_what_the_numbers_do_not_determine_is_nan():
    assert math.isnan(rank_correlation([1, 1, 1, 1, 1], [1, 2, 3, 4, 5]).value)
    assert math.isnan(rank_correlation([1, 2, 3], [1, 2, 3]).low)
