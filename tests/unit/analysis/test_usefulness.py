"""rho and gamma of features that are worked out by hand, and their intervals against scipy's."""

import numpy as np
import pytest
from scipy import stats

from feature_sensitivity.analysis.feature_counts import feature_counts, shown_by_closed_testing
from feature_sensitivity.analysis.usefulness import (
    MEASURES,
    NON_ROBUST,
    NOT_USEFUL,
    ROBUST,
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
    best = MEASURES["robust_usefulness"](features)
    assert np.array_equal(best, found.gamma.mean.max(axis=0))
    assert np.array_equal(MEASURES["robustly_useful_class"](features), found.gamma.mean.argmax(axis=0))
    assert (MEASURES["robust_usefulness_low"](features) < best).all()
    assert (best < MEASURES["robust_usefulness_high"](features)).all()


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
    assert np.isnan(MEASURES["useful_class"](features)).tolist() == [False, True]
    assert MEASURES["usefulness_kind"](features).tolist() == [ROBUST, NOT_USEFUL]


def test_one_image_decides_nothing():
    assert MEASURES["usefulness_kind"](measured([[2.0, 3.0]], up=1.0)).tolist() == [NOT_USEFUL, NOT_USEFUL]


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


def test_balanced_usefulness_by_hand():
    """Of three images of class 0 and one of class 1: one against the rest weighs the classes 3 to 1, balanced alike."""
    features = measured([[0.0], [0.0], [0.0], [4.0]], up=1.0, down=2.0, label=[0, 0, 0, 1])
    mean, std = 1.0, np.sqrt(3)
    zero, four = -mean / std, (4 - mean) / std
    assert MEASURES["balanced_usefulness"](features) == pytest.approx([(four - zero) / 2])
    assert MEASURES["usefulness"](features) == pytest.approx([(four - 3 * zero) / 4])
    assert MEASURES["balanced_robust_usefulness"](features) == pytest.approx([(four - 2 / std - (zero + 1 / std)) / 2])


def counted(movement: float, n_images: int = 200) -> dict[str, float]:
    """Counts of 20 features that tell two classes apart by 2 but for noise of 0.5, and of 20 that are noise alone."""
    rng = np.random.default_rng(1)
    label = np.arange(n_images) % 2
    clean = rng.normal(size=(n_images, 40)) * 0.5 + np.outer(label, [2] * 20 + [0] * 20)
    return feature_counts(measured(clean, up=movement, down=movement, label=label))


def test_counts_of_clear_features():
    robust = counted(0.5)
    assert (robust["n_features"], robust["n_classes"]) == (40, 2)
    assert (robust["useful"], robust["useful_shown"]) == (20, 20)
    assert robust["robustly_useful"] == robust["robustly_useful_shown"] == robust["robustly_useful_at_most"] == 20
    moved = counted(1.5)
    assert moved["robustly_useful"] == moved["robustly_useful_shown"] == moved["robustly_useful_at_most"] == 0


def test_bounds_contain_the_count_and_a_count_of_few_images_has_theirs():
    counts = counted(0.98, n_images=40)
    assert counts["robustly_useful_shown"] <= counts["robustly_useful"] <= counts["robustly_useful_at_most"]
    assert counts["robustly_useful_low"] == counts["robustly_useful_shown"]
    assert counts["robustly_useful_high"] == counts["robustly_useful_at_most"]


def test_the_plug_in_count_does_not_grow_with_images_as_the_shown_one_does():
    few, many = counted(0.9, n_images=120), counted(0.9, n_images=1000)
    assert few["robustly_useful"] == pytest.approx(20, abs=3)
    assert many["robustly_useful"] == pytest.approx(20, abs=1)
    assert few["robustly_useful_shown"] < many["robustly_useful_shown"] <= 20


def test_one_image_counts_nothing():
    counts = feature_counts(measured([[2.0, 3.0]], up=1.0))
    assert counts["robustly_useful_shown"] == counts["useful"] == 0
    assert (counts["robustly_useful_low"], counts["robustly_useful_high"]) == (0, 2)


@pytest.mark.parametrize(
    ("p", "shown"),
    [
        ([0.5, 0.6], 0),
        ([0.0001, 0.5], 1),
        ([0.02, 0.024], 2),  # Simes' test of both: the larger is below the level
        ([0.02, 0.9], 0),
        ([], 0),
    ],
)
def test_closed_testing_by_hand(p: list[float], shown: int):
    """At 2.5 %: n less the largest size of a set that Simes' test does not reject."""
    assert shown_by_closed_testing(np.array(p)) == shown
