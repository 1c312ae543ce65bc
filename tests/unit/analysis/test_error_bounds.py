"""The corrected theorem, against pen and paper and against a linear model whose suprema are exact."""

import numpy as np
import pytest

from feature_sensitivity.analysis.error_bounds import (
    LinearLayer,
    best_tau,
    bound_by_image,
    class_bound,
    decision_bounds,
    is_unmovable,
    margins,
    pair_bound,
)

LABEL = np.array([0, 1])


def test_the_best_tau_by_hand() -> None:
    # tau = 1: 1/4 + 0.2; tau = 2: 2/4 + 0.1; tau = 4: 3/4 + 0.05.
    assert best_tau(np.array([-1.0, 1.0, 2.0, 4.0]), 0.2) == 1
    assert best_tau(np.array([-1.0, 1.0, 2.0, 4.0]), 2.0) == np.inf


def test_no_fine_grid_of_tau_is_better() -> None:
    margin = np.random.default_rng(0).normal(1, 1, 50)
    taus = np.linspace(1e-3, 5, 20_000)
    on_grid = (margin[None] < taus[:, None]).mean(axis=1) + 0.3 / taus
    tau = best_tau(margin, 0.3)
    best = (margin < tau).mean() + 0.3 / tau
    assert best <= on_grid.min()
    assert best == pytest.approx(on_grid.min(), abs=1e-3)


def test_a_bound_is_never_above_one() -> None:
    assert bound_by_image(np.array([-1.0, -2.0]), np.array([0.5, 0.5])).tolist() == [1, 1]
    assert bound_by_image(np.array([1.0]), np.array([0.1])).tolist() == [1], "one image has no other half"


def test_on_few_images_the_bound_is_no_less_than_in_the_whole_population() -> None:
    """The infimum over tau on the same images would be too small; of the halves the mean is a little too large."""
    rng = np.random.default_rng(0)
    population = rng.normal(1, 1, 100_000)
    tau = best_tau(population, 0.1)
    true = (population < tau).mean() + 0.1 / tau
    samples = rng.choice(population, (2000, 24))
    same = [(m < (t := best_tau(m, 0.1))).mean() + (0.1 / t if t < np.inf else 1) for m in samples]
    halves = [bound_by_image(m, np.full(24, 0.1)).mean() for m in samples]
    assert np.mean(same) < true - 0.02
    assert true <= np.mean(halves) < true + 0.06


def test_two_classes_by_hand() -> None:
    layer = LinearLayer(np.array([[1.0, 0.0], [0.0, 2.0]]), np.zeros(2))
    clean = np.array([[3.0, 0.5], [1.0, 2.0]])  # logits (3, 1) and (1, 4): margins 2 and 3
    movement = np.array([[0.1, 0.2], [0.3, 0.2]])  # means 0.2 and 0.2; |alpha| = beta = (1, 2): sum 0.6
    assert margins(layer.logits(clean), LABEL).min(axis=1).tolist() == [2, 3]
    # With the other image's margin as tau: 1 + 0.5 / 3 for the first, 0.7 / 2 for the second.
    assert class_bound(clean, movement, LABEL, layer).value == pytest.approx((1 + 0.5 / 3 + 0.35) / 2)
    assert pair_bound(clean, movement, LABEL, layer).value == pytest.approx((1 + 0.5 / 3 + 0.35) / 2)
    more = LinearLayer(np.vstack([layer.weight, [5.0, 5.0]]), np.zeros(3))
    assert pair_bound(clean, movement, LABEL, more) == pair_bound(clean, movement, LABEL, layer), (
        "the third class has no images"
    )
    assert pair_bound(clean[:1], movement[:1], LABEL[:1], layer).value == 1


def test_the_pointwise_bound_by_hand() -> None:
    layer = LinearLayer(np.array([[1.0, 0.0], [0.0, 2.0]]), np.zeros(2))
    clean, maximum, minimum = (np.array(rows) for rows in ([[3.0, 0.5]], [[4.0, 1.2]], [[2.9, 0.0]]))
    # a = (1, -2): feature 0 falls by 0.1, feature 1 rises by 0.7.
    assert decision_bounds(clean, maximum, minimum, LABEL[:1], layer) == pytest.approx(np.array([[0, 0.1 + 2 * 0.7]]))
    assert is_unmovable(clean, maximum, minimum, LABEL[:1], layer).tolist() == [True]
    assert is_unmovable(clean, maximum + 0.4, minimum, LABEL[:1], layer).tolist() == [False]


def test_with_exact_suprema_no_attack_succeeds_where_the_bound_holds() -> None:
    """Linear features of x move by eps * ||w||_1 exactly; random corners of the ball never break the bound."""
    rng = np.random.default_rng(1)
    body, layer = rng.normal(size=(6, 4)), LinearLayer(rng.normal(size=(3, 6)), rng.normal(size=3))
    x, epsilon = rng.normal(size=(200, 4)), 0.2
    clean = x @ body.T
    label = layer.logits(clean).argmax(axis=1)
    reach = epsilon * np.abs(body).sum(axis=1)
    unmovable = is_unmovable(clean, clean + reach, clean - reach, label, layer)
    corners = epsilon * np.array(np.meshgrid(*[[-1, 1]] * 4)).reshape(4, -1).T
    attacked = np.array([(layer.logits((x + d) @ body.T).argmax(axis=1) != label) for d in corners]).any(axis=0)
    assert 0 < unmovable.mean() < 1
    assert attacked.any()
    assert not (attacked & unmovable).any()
    assert attacked.mean() <= class_bound(clean, np.broadcast_to(reach, clean.shape), label, layer).value
