import math

import numpy as np
import pytest

from feature_sensitivity.analysis.accuracy_interval import wilson_interval
from feature_sensitivity.analysis.estimates import describe


def test_wilson_interval_by_hand():
    # Wilson (1927) at 8 of 10, z = 1.96: centre (0.8 + z^2/20) / (1 + z^2/10), half width as below.
    z = 1.959964
    centre = (0.8 + z**2 / 20) / (1 + z**2 / 10)
    half = z / (1 + z**2 / 10) * math.sqrt(0.8 * 0.2 / 10 + z**2 / 400)
    low, high = wilson_interval(8, 10)
    assert low == pytest.approx(centre - half, abs=1e-6)
    assert high == pytest.approx(centre + half, abs=1e-6)


def test_wilson_interval_of_nothing_is_not_a_point():
    low, high = wilson_interval(0, 100)
    assert low == 0
    assert 0.03 < high < 0.04


def test_description_by_hand():
    values = describe(np.array([1.0, 2.0, 3.0, 6.0]))
    assert values["mean"] == 3
    assert values["std"] == pytest.approx(math.sqrt((4 + 1 + 0 + 9) / 3))
    assert values["q50"] == 2.5
    deviations = np.array([-2.0, -1.0, 0.0, 3.0])
    assert values["skewness"] == pytest.approx((deviations**3).mean() / (deviations**2).mean() ** 1.5)
    assert values["kurtosis"] == pytest.approx((deviations**4).mean() / (deviations**2).mean() ** 2 - 3)
    assert math.isnan(values["normality_p"])


def test_normality_is_told_from_its_absence():
    rng = np.random.default_rng(0)
    assert describe(rng.normal(size=500))["normality_p"] > 0.05
    assert describe(rng.exponential(size=500))["normality_p"] < 1e-6


def test_constant_values_have_no_shape():
    values = describe(np.full(30, 2.0))
    assert values["std"] == 0
    assert math.isnan(values["skewness"])
