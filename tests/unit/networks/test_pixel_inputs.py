"""Attacks in pixel units: one ball for every model, whatever its standardization."""

import numpy as np
import pytest
import torch
from torch import Tensor

from extrema_cases import CPU, measure, settings
from feature_sensitivity.config.measurement import AccuracySettings
from feature_sensitivity.data.standardization import Standardization
from feature_sensitivity.evaluation.accuracy import correct_under_attack
from feature_sensitivity.networks.checkpoints import Checkpoint
from feature_sensitivity.networks.classifier import Classifier
from feature_sensitivity.networks.folding import folded_copy
from feature_sensitivity.networks.pixel_inputs import with_inputs_in

UNEVEN = Standardization((0.5, 0.4, 0.3), (0.1, 0.2, 0.4))
EVEN = Standardization((0.5,) * 3, (0.25,) * 3)


class Linear(Classifier):
    """Features that are linear in the standardized image, so that their extrema in a ball are known."""

    def __init__(self, weight: Tensor) -> None:
        super().__init__()
        self.weight = torch.nn.Parameter(weight)
        self.fc = torch.nn.Linear(len(weight), 2)

    def features(self, x: Tensor, *, surrogate_relu: bool | Tensor = False) -> Tensor:
        return torch.einsum("nchw,fchw->nf", x, self.weight)


@pytest.fixture
def linear() -> Classifier:
    return Linear(torch.randn(3, 3, 4, 4, generator=torch.Generator().manual_seed(0)))


@pytest.fixture
def pixels() -> Tensor:
    return torch.rand(5, 3, 4, 4, generator=torch.Generator().manual_seed(1))


def in_pixels(network: Classifier, standardization: Standardization) -> Checkpoint:
    return with_inputs_in("pixel", Checkpoint(network, standardization, {}))


@pytest.mark.parametrize(("norm", "dual"), [("linf", 1), ("l2", 2)])
def test_features_reach_the_exact_extrema_of_a_ball_of_pixels(linear: Classifier, pixels: Tensor, norm: str, dual: int):
    model = in_pixels(linear, UNEVEN)
    epsilon = 8 / 255
    got = measure(
        model.network, pixels, settings(norm, epsilon=epsilon, steps=60), standardization=model.standardization
    )
    gradient = linear.weight.detach() / torch.tensor(UNEVEN.std).reshape(3, 1, 1)
    reach = epsilon * torch.linalg.vector_norm(gradient.flatten(1), ord=dual, dim=1)
    clean = linear.features(UNEVEN.standardize(pixels)).detach()
    np.testing.assert_allclose(got.clean, clean, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(got.maximum, clean + reach, rtol=1e-4, atol=1e-4)
    np.testing.assert_allclose(got.minimum, clean - reach, rtol=1e-4, atol=1e-4)


def test_one_ball_for_two_models_that_differ_in_their_standardization_only(linear: Classifier, pixels: Tensor):
    # The second network undoes the difference, so both are the same function of pixels.
    scale = torch.tensor(EVEN.std).reshape(3, 1, 1) / torch.tensor(UNEVEN.std).reshape(3, 1, 1)
    other = Linear(linear.weight.detach() * scale)
    moved = []
    for network, standardization in ((linear, UNEVEN), (other, EVEN)):
        model = in_pixels(network, standardization)
        got = measure(model.network, pixels, settings(epsilon=8 / 255), standardization=model.standardization)
        moved.append(got.maximum - got.clean)
    np.testing.assert_allclose(moved[0], moved[1], rtol=1e-3)


def test_clean_features_are_the_same_bits_in_both_units(network: Classifier):
    pixels = torch.rand(6, 3, 8, 8, generator=torch.Generator().manual_seed(1))
    model = in_pixels(network, UNEVEN)
    assert torch.equal(model.network.features(pixels), network.features(UNEVEN.standardize(pixels)))
    index = torch.tensor([3, 1, 4, 1, 5, 9])
    folded, in_pixels_folded = folded_copy(network), folded_copy(model.network)
    expected = folded.selected_features(UNEVEN.standardize(pixels), index)
    assert torch.equal(in_pixels_folded.selected_features(pixels, index), expected)
    assert model.network.feature_minimum == network.feature_minimum


def test_in_standardized_units_nothing_changes(network: Classifier):
    model = with_inputs_in("standardized", Checkpoint(network, UNEVEN, {}))
    assert model.network is network
    assert model.standardization == UNEVEN


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_with_one_std_for_all_channels_both_units_give_the_same_accuracy(network: Classifier, data: dict, norm: str):
    def correct(unit: str, epsilon: float) -> np.ndarray:
        model = with_inputs_in(unit, Checkpoint(network, EVEN, {}))
        return correct_under_attack(
            network=model.network,
            standardization=model.standardization,
            settings=AccuracySettings(
                norm=norm, epsilon=epsilon, steps=5, relative_step_size="1/4", clip_to_pixel_box=True
            ),
            device=CPU,
            **data,
        )

    # 0.25 is a power of two, so that both attacks take the same steps, up to the rounding of the mean.
    expected = correct("standardized", 0.0625)
    assert 0 < expected.sum() < len(expected)
    assert (correct("pixel", 0.015625) == expected).mean() > 0.95
