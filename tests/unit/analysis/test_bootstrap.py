"""Intervals, on cases small enough for pen and paper."""

import numpy as np
import pytest
from scipy import stats

from feature_sensitivity.analysis.accuracy_interval import wilson_interval
from feature_sensitivity.analysis.estimates import Estimate, bootstrap, combination, mean_ratio


def test_the_bootstrap_of_a_mean_is_near_the_normal_interval() -> None:
    values = stats.norm.ppf((np.arange(1000) + 0.5) / 1000)
    mean = bootstrap(np.mean, values)
    assert mean.value == pytest.approx(0, abs=1e-12)
    assert mean.high == pytest.approx(1.96 / np.sqrt(1000), rel=0.1)
    assert mean.low == pytest.approx(-mean.high, abs=0.01)


def test_two_values_have_four_equally_likely_resamples() -> None:
    # Means 0, 1/2, 1/2, 1 with probability 1/4 each: the 2.5 % and 97.5 % quantiles are the ends.
    assert bootstrap(np.mean, np.array([0.0, 1.0])) == Estimate(0.5, 0.0, 1.0)


def test_samples_are_resampled_together() -> None:
    values = np.random.default_rng(0).uniform(1, 5, 30)
    ratio = bootstrap(mean_ratio, 3 * values, values)
    assert ratio == pytest.approx((3, 3, 3))


def test_a_single_value_has_no_interval() -> None:
    single = bootstrap(np.mean, np.array([2.0]))
    assert single.value == 2
    assert np.isnan([single.low, single.high]).all()


def test_the_bootstrap_gives_the_same_interval_in_every_run() -> None:
    values = np.arange(20.0)
    assert bootstrap(np.mean, values) == bootstrap(np.mean, values)


def test_a_difference_of_shares_has_newcombes_interval() -> None:
    # Newcombe (1998), method 10: 56/70 - 48/80 = 0.2000 (0.0524 to 0.3339).
    first, second = (Estimate(k / n, *wilson_interval(k, n)) for k, n in ((56, 70), (48, 80)))
    assert combination((1, first), (-1, second)) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)


def test_a_multiple_has_the_multiplied_interval() -> None:
    assert combination((-2, Estimate(1, 0.5, 3))) == pytest.approx((-2, -6, -1))
