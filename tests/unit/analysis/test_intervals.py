"""Intervals, on cases small enough for pen and paper."""

import numpy as np
import pytest
from scipy import stats

from feature_sensitivity.analysis.accuracy_interval import wilson_interval
from feature_sensitivity.analysis.distances import distances
from feature_sensitivity.analysis.estimates import (
    Estimate,
    combination,
    from_resamples,
    jackknife,
    mean_of_images,
    ratio_of_means,
    standard_error,
)
from feature_sensitivity.analysis.l_moments import l_kurtosis, l_skewness


def test_the_mean_of_one_network_has_students_interval() -> None:
    values = np.array([[1.0, 2.0, 4.0, 5.0]])
    low, high = stats.t.interval(0.95, 3, loc=3, scale=stats.sem(values[0]))
    assert mean_of_images(("a", 1, values)) == pytest.approx((3, low, high))


def test_a_ratio_has_an_interval_that_is_symmetric_in_the_logarithm() -> None:
    one, other = np.random.default_rng(0).uniform(1, 5, (2, 1, 30))
    ratio = ratio_of_means(("a", 1, one), ("b", -1, other))
    assert ratio.value == pytest.approx(one.mean() / other.mean())
    assert ratio.low * ratio.high == pytest.approx(ratio.value**2)
    residual = one[0] / one.mean() - other[0] / other.mean()
    half = stats.t.ppf(0.975, 29) * residual.std(ddof=1) / np.sqrt(30)
    assert np.log(ratio.high / ratio.value) == pytest.approx(half)


def test_images_that_both_share_cancel() -> None:
    values = np.random.default_rng(0).uniform(1, 5, (1, 30))
    assert ratio_of_means(("a", 1, 3 * values), ("b", -1, values)) == pytest.approx((3, 3, 3))
    assert mean_of_images(("a", 1, values + 2), ("b", -1, values)) == pytest.approx((2, 2, 2))


def test_seeds_of_one_network_are_its_own_at_every_epsilon() -> None:
    """So a ratio that every seed has alike is known, however far the seeds are apart."""
    seeds = np.array([[1.0], [2.0], [9.0]]) * np.random.default_rng(0).uniform(1, 2, 20)
    assert ratio_of_means(("a", 1, 3 * seeds), ("a", -1, seeds)) == pytest.approx((3, 3, 3))
    assert ratio_of_means(("a", 1, 3 * seeds), ("b", -1, seeds)).low < 1


def test_images_and_seeds_are_crossed_effects() -> None:
    """By hand: with effects of 1 and -1 of images, and of 2 and -2 of seeds, and no rest."""
    values = np.array([1.0, -1.0]) + np.array([2.0, -2.0])[:, None]
    error, degrees = standard_error([("a", 1, values)])
    of_images, of_seeds = 2 / 2, 8 / 2
    assert error == pytest.approx(np.sqrt(of_images + of_seeds))
    assert degrees == pytest.approx((of_images + of_seeds) ** 2 / (of_images**2 + of_seeds**2))


def test_nothing_that_moves_has_no_ratio() -> None:
    still, moving = np.zeros((1, 5)), np.ones((1, 5))
    assert np.isnan(ratio_of_means(("a", 1, moving), ("b", -1, still))).all()
    assert ratio_of_means(("a", 1, still)).value == 0


def test_a_single_image_has_no_interval() -> None:
    single = mean_of_images(("a", 1, np.array([[2.0]])))
    assert single.value == 2
    assert np.isnan([single.low, single.high]).all()


def test_the_jackknife_of_a_mean_is_students_interval() -> None:
    values = np.array([1.0, 2.0, 4.0, 5.0])
    low, high = stats.t.interval(0.95, 3, loc=3, scale=stats.sem(values))
    assert jackknife(np.mean, values) == pytest.approx((3, low, high))
    half = (high - low) / 2 / np.sqrt(2)
    assert jackknife(np.mean, values, values + 1) == pytest.approx((3.5, 3.5 - half, 3.5 + half))


def test_l_moments_by_hand() -> None:
    """Of 1, 2, 3, 7 (Hosking 1990, 3.1): b0 13/4, b1 29/12, b2 2, b3 7/4."""
    b0, b1, b2, b3 = 13 / 4, (1 * 2 + 2 * 3 + 3 * 7) / 3 / 4, (2 * 3 + 6 * 7) / 6 / 4, 7 / 4
    second, third, fourth = 2 * b1 - b0, 6 * b2 - 6 * b1 + b0, 20 * b3 - 30 * b2 + 12 * b1 - b0
    values = np.array([3.0, 7.0, 1.0, 2.0])
    assert l_skewness(values) == pytest.approx(third / second)
    assert l_kurtosis(values) == pytest.approx(fourth / second)
    assert np.isnan(l_skewness(np.ones(5)))
    np.testing.assert_allclose(l_skewness(np.array([values, values]), axis=1), third / second)


def test_a_normal_sample_has_the_l_moments_of_a_normal_distribution() -> None:
    values = stats.norm.ppf((np.arange(100_000) + 0.5) / 100_000)
    assert l_skewness(values) == pytest.approx(0, abs=1e-6)
    assert l_kurtosis(values) == pytest.approx(0.1226, abs=2e-4)


def test_a_bias_is_taken_off_and_widens_the_interval() -> None:
    found = from_resamples(10.0, np.array([11.0, 13.0]))
    half = 1.959964 * np.sqrt(2) + 2
    assert found == pytest.approx((8, 8 - half, 8 + half), rel=1e-5)


def test_distances_of_distributions_by_hand() -> None:
    first, second = np.random.default_rng(0).normal(size=(2, 1, 60))
    second = second + 0.5
    found = distances(first, second)
    resampled_away = {name: estimate.value for name, estimate in found.items()}
    pairs = first[0][:, None] - second[0]
    exact = {
        "Cliff's delta": np.sign(pairs).mean(),
        "Kolmogorov-Smirnov distance": stats.ks_2samp(first[0], second[0]).statistic,
        "Wasserstein distance in standard deviations": stats.wasserstein_distance(first[0], second[0])
        / np.sqrt((first.var() + second.var()) / 2),
    }
    for name, value in exact.items():
        assert found[name].low < value
        assert resampled_away[name] == pytest.approx(value, abs=0.1), "less a small bias"
    assert resampled_away["Cliff's delta"] == pytest.approx(exact["Cliff's delta"], abs=0.01), "which has no bias"


def test_a_difference_of_shares_has_newcombes_interval() -> None:
    # Newcombe (1998), method 10: 56/70 - 48/80 = 0.2000 (0.0524 to 0.3339).
    first, second = (Estimate(k / n, *wilson_interval(k, n)) for k, n in ((56, 70), (48, 80)))
    assert combination((1, first), (-1, second)) == pytest.approx((0.2, 0.0524, 0.3339), abs=5e-5)


def test_a_multiple_has_the_multiplied_interval() -> None:
    assert combination((-2, Estimate(1, 0.5, 3))) == pytest.approx((-2, -6, -1))
