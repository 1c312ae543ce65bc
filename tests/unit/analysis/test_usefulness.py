"""rho and gamma of features that are worked out by hand, and their intervals against scipy's."""

import numpy as np
import pytest
from scipy import stats

from feature_sensitivity.analysis import usefulness as module
from feature_sensitivity.analysis.feature_counts import feature_counts
from feature_sensitivity.analysis.usefulness import (
    NON_ROBUST,
    NOT_USEFUL,
    ROBUST,
    ClassMeans,
    Usefulness,
    usefulness_of,
)
from measured_cases import measured

LABEL = [0, 0, 1, 1]
CLEAN = [[1.0], [1.0], [3.0], [3.0]]
"""Mean 2 and standard deviation 1, so standardized to -1, -1, 1, 1: perfect for class 1."""


@pytest.mark.parametrize(
    ("up", "down", "gamma"),
    [
        (0.5, 0.5, [-1.5, 0.5]),
        (1.5, 1.5, [-2.5, -0.5]),
        # Images of class 0 rise from -1 to 0: against class 1 that costs 1 at two of four images, for class 0 nothing.
        ([[1.0], [1.0], [0.0], [0.0]], 0.0, [-1.0, 0.5]),
        # An image of class 1 falls from 1 to 0.
        (0.0, [[0.0], [0.0], [1.0], [0.0]], [-1.0, 0.75]),
    ],
)
def test_rho_and_gamma_by_hand(up, down, gamma: list[float]):
    found = usefulness_of(measured(CLEAN, up=up, down=down, label=LABEL))
    assert found.rho.mean[:, 0].tolist() == [-1, 1]
    assert found.gamma.mean[:, 0].tolist() == pytest.approx(gamma)


def test_the_scale_of_a_feature_does_not_matter():
    plain = usefulness_of(measured(CLEAN, up=0.5, down=0.25, label=LABEL))
    scaled = usefulness_of(measured(7 * np.array(CLEAN) - 4, up=3.5, down=1.75, label=LABEL))
    np.testing.assert_allclose(plain.gamma.mean, scaled.gamma.mean)
    np.testing.assert_allclose(plain.gamma.error, scaled.gamma.error, atol=1e-12)


def test_intervals_are_students_for_all_classes_together():
    rng = np.random.default_rng(0)
    clean, label = rng.normal(size=(30, 4)), rng.integers(0, 3, 30)
    features = measured(clean, up=rng.uniform(size=(30, 4)), down=rng.uniform(size=(30, 4)), label=label, n_classes=3)
    found = usefulness_of(features)
    half = stats.t.ppf(1 - 0.05 / 3 / 2, df=29) * found.gamma.error
    for end, sign in zip(found.gamma.interval(3), (-1, 1), strict=True):
        np.testing.assert_allclose(end, found.gamma.mean + sign * half)
    assert found.gamma.n_judged == 3
    best = module.robust_usefulness(features)
    assert np.array_equal(best, found.gamma.mean.max(axis=0))
    assert np.array_equal(module.robustly_useful_class(features), found.gamma.mean.argmax(axis=0))
    assert (module.robust_usefulness_low(features) < best).all()
    assert (best < module.robust_usefulness_high(features)).all()


def test_standard_errors_are_those_of_the_jackknife():
    """Leaving out one image at a time standardizes the feature again, which a plain mean's error would miss."""
    rng = np.random.default_rng(3)
    n_images = 300
    label = rng.integers(0, 5, n_images)
    clean = rng.exponential(size=(n_images, 2)) + np.outer(label == 2, [0, 2])
    up, down = rng.uniform(size=(2, n_images, 2))

    def of(rows) -> Usefulness:
        return usefulness_of(measured(clean[rows], up=up[rows], down=down[rows], label=label[rows], n_classes=5))

    found = of(np.arange(n_images))
    without = [of(np.arange(n_images) != image) for image in range(n_images)]
    for name in ("rho", "gamma"):
        means = np.array([getattr(one, name).mean for one in without])
        jackknife = np.sqrt((n_images - 1) * means.var(axis=0))
        np.testing.assert_allclose(getattr(found, name).error, jackknife, rtol=0.05)


def test_a_constant_feature_and_an_absent_class_say_nothing():
    features = measured(np.hstack([CLEAN, np.ones((4, 1))]), label=LABEL, n_classes=3)
    found = usefulness_of(features)
    assert np.isnan(found.rho.mean).tolist() == [[False, True], [False, True], [True, True]]
    assert found.rho.n_judged == 2
    assert np.isnan(module.useful_class(features)).tolist() == [False, True]
    assert module.usefulness_kind(features).tolist() == [ROBUST, NOT_USEFUL]


def test_one_image_decides_nothing():
    assert module.usefulness_kind(measured([[2.0, 3.0]], up=1.0)).tolist() == [NOT_USEFUL, NOT_USEFUL]


def many(movement: float) -> Usefulness:
    """Features at 200 images: pure noise, and one that tells two classes apart by 2 but for noise of 0.2."""
    rng = np.random.default_rng(1)
    label = np.arange(200) % 2
    clean = rng.normal(size=(200, 2)) * [1, 0.2] + np.outer(label, [0, 2])
    return usefulness_of(measured(clean, up=movement, down=movement, label=label))


@pytest.mark.parametrize(("movement", "kind"), [(0.5, ROBUST), (1.5, NON_ROBUST)])
def test_kinds(movement: float, kind: int):
    assert many(movement).kinds().tolist() == [NOT_USEFUL, kind]


def test_of_many_useless_features_few_are_called_useful():
    """At 95 % for all classes together, one-sided: 2.5 % of them."""
    rng = np.random.default_rng(2)
    found = usefulness_of(measured(rng.normal(size=(100, 2000)), label=rng.integers(0, 10, 100), n_classes=10))
    assert (found.kinds() != NOT_USEFUL).mean() < 0.035


def test_counts_have_the_range_of_all_judgements_together():
    assert feature_counts(many(1.5)) == {
        "n_features": 2,
        "n_classes": 2,
        "robustly_useful": 0,
        "robustly_useful_low": 0,
        "robustly_useful_high": 0,
        "useful_non_robust": 1,
        "useful_non_robust_low": 1,
        "useful_non_robust_high": 2,
        "not_useful": 1,
        "not_useful_low": 0,
        "not_useful_high": 1,
    }


def means(*values: float, error: float) -> ClassMeans:
    """One class; a value for each feature."""
    return ClassMeans(np.array([values]), np.full((1, len(values)), error), 1000)


def test_a_count_lies_within_its_range():
    """Of 3 features one is robust without doubt, one is at 95 % of its own but not of all, one is open."""
    found = Usefulness(rho=means(1, 1, 1, error=0.1), gamma=means(1, 0.22, 0, error=0.1))
    counts = feature_counts(found)
    assert [counts[f"robustly_useful{end}"] for end in ("_low", "", "_high")] == [1, 2, 3]
    assert [counts[f"useful_non_robust{end}"] for end in ("_low", "", "_high")] == [0, 1, 2]
    assert [counts[f"not_useful{end}"] for end in ("_low", "", "_high")] == [0, 0, 0]


def test_gamma_counts_only_where_rho_is_above_0():
    found = Usefulness(rho=means(0, error=0.1), gamma=means(1, error=0.1))
    assert found.kinds().tolist() == [NOT_USEFUL]
