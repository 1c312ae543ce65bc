"""The points at which features attain their extrema, against the measurement that kept only values."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from extrema_cases import STANDARD, measure, settings
from feature_sensitivity.config.measurement import SensitivitySettings
from feature_sensitivity.evaluation.feature_extrema import FeatureExtrema, measure_extrema
from feature_sensitivity.networks.classifier import Classifier

CHOSEN, IMAGES = np.array([29, 3, 17]), np.array([1, 4])


@pytest.fixture
def x() -> torch.Tensor:
    torch.manual_seed(3)
    return torch.randn(6, 3, 8, 8).clamp(-2, 2)  # in the pixel box


def find(network: Classifier, x: torch.Tensor, chosen: SensitivitySettings) -> FeatureExtrema:
    return measure_extrema(
        network=network, x=x[IMAGES], image_index=IMAGES, features=CHOSEN, settings=chosen, keep_points=True, **STANDARD
    )


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"iterate": "last"},
        {"restarts": 3},
        {"surrogate_steps": 2},
        {"search_dtype": "bfloat16"},
        {"clip_to_pixel_box": True},
    ],
    ids=lambda changes: "-".join(changes) or "default",
)
def test_values_are_those_of_the_whole_measurement_and_are_attained_at_the_points(
    network: Classifier, x: torch.Tensor, changes: dict
):
    chosen = settings(steps=6, **changes)
    measured, found = measure(network, x, chosen), find(network, x, chosen)
    for name in ("clean", "maximum", "minimum"):
        assert np.array_equal(getattr(found, name), getattr(measured, name)[np.ix_(IMAGES, CHOSEN)])
    for values, perturbation in ((found.maximum, found.upward), (found.minimum, found.downward)):
        points = x[IMAGES][:, None] + torch.from_numpy(perturbation)
        attained = network.features(points.flatten(0, 1)).detach().reshape(2, 3, -1)
        np.testing.assert_allclose(attained[:, range(3), CHOSEN].numpy(), values, rtol=1e-4, atol=1e-5)
        assert np.abs(perturbation).max() <= chosen.attack.epsilon * (1 + 1e-6)
    assert (found.maximum > found.clean).any()


def test_points_of_an_l2_attack_lie_in_its_ball(network: Classifier, x: torch.Tensor):
    found = find(network, x, settings("l2", epsilon=0.5, steps=6))
    lengths = np.sqrt((found.upward**2).sum(axis=(2, 3, 4)))
    assert lengths.max() == pytest.approx(0.5, rel=1e-5)


def test_a_feature_that_cannot_move_stays_at_the_clean_image(network: Classifier, x: torch.Tensor):
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
    found = find(network, x, settings(steps=3))
    assert not found.upward.any()
    assert not found.downward.any()


def test_another_batch_size_gives_the_same_points_up_to_rounding(network: Classifier, x: torch.Tensor):
    chosen = settings(steps=1)
    first, second = (find(network, x, replace(chosen, batch_size=rows)) for rows in (16, 5))
    np.testing.assert_allclose(first.maximum, second.maximum, rtol=1e-4)
