from itertools import pairwise

import numpy as np
import pytest
import torch

from accuracy_cases import STANDARDIZATION, N, correct
from feature_sensitivity.evaluation import accuracy as module
from feature_sensitivity.networks.classifier import Classifier


@pytest.mark.parametrize("iterate", ["last", "any"])
def test_epsilon_0_is_clean_accuracy_exactly(network: Classifier, data: dict, iterate: str):
    expected = np.ones(N, bool)
    expected[::4] = False
    assert np.array_equal(correct(network, data, 0.0, iterate=iterate), expected)


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_accuracy_falls_with_epsilon(network: Classifier, data: dict, norm: str):
    shares = [correct(network, data, epsilon, norm=norm).mean() for epsilon in (0.0, 0.02, 0.3)]
    assert shares[0] >= shares[1] >= shares[2]
    assert shares[0] > shares[2]


def test_any_iterate_and_restarts_only_make_the_attack_stronger(network: Classifier, data: dict):
    last = correct(network, data, 0.1)
    anywhere = correct(network, data, 0.1, iterate="any")
    restarted = correct(network, data, 0.1, restarts=3)
    assert not (anywhere & ~last).any()
    assert not (restarted & ~last).any()


def test_with_any_an_image_that_is_wrong_without_attack_counts_as_wrong(network: Classifier, data: dict):
    assert not correct(network, data, 1e-6, iterate="any")[::4].any()


def test_images_that_were_fooled_leave_the_attack(network: Classifier, data: dict, monkeypatch: pytest.MonkeyPatch):
    sizes = []
    original = module.input_gradient

    def spy(objective, x):
        sizes.append(len(x))
        return original(objective, x)

    monkeypatch.setattr(module, "input_gradient", spy)
    correct(network, data, 0.5, iterate="any", batch_size=N)
    assert sizes[0] < N
    assert sizes == sorted(sizes, reverse=True)


def test_where_each_size_of_a_batch_is_planned_for_batches_shrink_by_whole_multiples(
    network: Classifier, data: dict, monkeypatch: pytest.MonkeyPatch
):
    options = {"iterate": "any", "restarts": 2, "batch_size": N}
    expected = {epsilon: correct(network, data, epsilon, **options) for epsilon in (0.02, 0.1, 0.5)}
    sizes: list[int] = []
    original = module.input_gradient
    monkeypatch.setattr(module, "input_gradient", lambda f, x: sizes.append(len(x)) or original(f, x))
    monkeypatch.setattr(module, "rows_between_plans", lambda device: 8)
    for epsilon, standing in expected.items():
        sizes.clear()
        assert np.array_equal(correct(network, data, epsilon, **options), standing)
        # A restart begins with the images that are left.
        shrunk = [after for before, after in pairwise(sizes) if after < before]
        assert shrunk
        assert sum(size % 8 != 0 for size in set(sizes)) <= options["restarts"]


def test_the_network_never_gets_an_empty_batch(network: Classifier, data: dict, monkeypatch: pytest.MonkeyPatch):
    """Networks that flatten with ``view`` refuse one."""
    sizes = []
    original = module.is_correct
    monkeypatch.setattr(module, "is_correct", lambda network, x, y: sizes.append(len(x)) or original(network, x, y))
    right = correct(network, data, 0.1, iterate="any", batch_size=1)
    assert not right.all()
    assert min(sizes) == 1


def test_attacked_points_stay_in_ball_and_box(network: Classifier, data: dict, monkeypatch: pytest.MonkeyPatch):
    clean = (torch.from_numpy(data["split"].images).float() / 255 - 0.5) / 0.25
    final = []
    original = module.is_correct

    def spy(model, x, y):
        final.append(x)
        return original(model, x, y)

    monkeypatch.setattr(module, "is_correct", spy)
    correct(network, data, 0.2, clip_to_pixel_box=True, batch_size=N)
    assert (final[-1] - clean).abs().max() <= 0.2 * (1 + 1e-5)
    assert final[-1].abs().max() <= 2 * (1 + 1e-6)
    correct(network, data, 0.2, batch_size=N)
    assert (final[-1] - clean).abs().max() <= 0.2 * (1 + 1e-5)
    assert final[-1].abs().max() > 2.01


def test_where_memory_runs_out_batches_are_halved(network: Classifier, data: dict, monkeypatch: pytest.MonkeyPatch):
    expected, original = correct(network, data, 0.1, batch_size=N), module.input_gradient
    one_step = {"split": data["split"], "standardization": STANDARDIZATION}
    options = {"network": network, "norm": "linf", "epsilons": [0.1], "device": torch.device("cpu"), "batch_size": N}
    expected_one_step, _ = module.correct_under_one_step(**one_step, **options)

    def with_little_memory(objective, x):
        if len(x) > N // 3:
            raise torch.OutOfMemoryError
        return original(objective, x)

    monkeypatch.setattr(module, "input_gradient", with_little_memory)
    np.testing.assert_array_equal(correct(network, data, 0.1, batch_size=N), expected)
    np.testing.assert_array_equal(module.correct_under_one_step(**one_step, **options)[0], expected_one_step)


def test_an_image_is_attacked_from_the_same_start_in_any_batch(network: Classifier, data: dict):
    whole = correct(network, data, 0.1)
    half = {"split": data["split"].subset(np.arange(20, N)), "image_index": data["image_index"][20:]}
    assert np.array_equal(correct(network, half, 0.1), whole[20:])
