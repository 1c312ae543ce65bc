"""For which features and images extremal images are kept."""

import numpy as np

from feature_sensitivity.evaluation.extremal_choice import extreme_features, first_of_each_class


def choice(*sensitivities: list[float], n: int) -> tuple[list[int], list[int]]:
    most, least = extreme_features([np.array(row, np.float32) for row in sensitivities], n)
    return most.tolist(), least.tolist()


def test_the_most_and_the_least_sensitive_in_falling_order():
    assert choice([3, 9, 1, 7, 5], n=2) == ([1, 3], [0, 2])


def test_ranks_over_epsilons_count_and_not_sizes():
    """At the second epsilon the sensitivities are a hundred times as large."""
    assert choice([3, 2, 1, 0.5], [100, 200, 300, 50], n=1) == ([0], [3])
    assert choice([4, 3, 2, 1], [400, 300, 100, 200], [4, 3, 2, 1], n=1) == ([0], [3])


def test_features_that_never_move_are_left_out_unless_none_moves():
    assert choice([0, 3, 0, 1, 2], [0, 3, 0.1, 1, 2], n=2) == ([1, 4], [3, 2])
    assert choice([0, 0, 0], n=1) == ([0], [2])


def test_too_few_features_for_both():
    assert choice([3, 9, 1], n=2) == ([1, 0], [2])
    assert choice([3, 9], n=2) == ([1, 0], [])


def test_images_of_different_classes_come_first():
    labels = np.array([7, 7, 2, 7, 5, 2])
    assert first_of_each_class(labels, 3).tolist() == [0, 2, 4]
    assert first_of_each_class(labels, 5).tolist() == [0, 2, 4, 1, 5]
    assert first_of_each_class(labels, 50).tolist() == [0, 2, 4, 1, 5, 3]
