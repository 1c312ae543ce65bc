"""Networks of many kinds against a slow reference, and interrupted or in shards against themselves."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from extrema_cases import measure, same, settings
from feature_sensitivity.attacks.random_starts import random_start
from feature_sensitivity.config.measurement import SensitivitySettings
from feature_sensitivity.networks.constants import register_constants
from feature_sensitivity.networks.measured import measured
from feature_sensitivity.runtime.errors import UserError
from interruptions import interrupted_until_done
from other_networks import CASES, Case, case

FEATURES = np.array([1, 4, 9])


def images(made: Case, n: int) -> Tensor:
    return torch.randn(n, 3, made.size, made.size, generator=torch.Generator().manual_seed(3))


def slow_extrema(made: Case, x: Tensor, chosen: SensitivitySettings) -> tuple[np.ndarray, np.ndarray]:
    """What the engine computes, in a plain loop over rows: no hooks, nothing folded, nothing dropped."""
    found = np.empty((2, len(x), len(FEATURES)), np.float32)
    for direction, image, column in np.ndindex(2, len(x), len(FEATURES)):
        feature = int(FEATURES[column])
        sign = 1.0 - 2.0 * direction
        names = {"image": image, "feature": feature, "direction": direction, "restart": 0}
        moved = random_start(
            seed=chosen.seed,
            **{name: torch.tensor([value]) for name, value in names.items()},
            shape=x.shape[1:],
            epsilon=chosen.attack.epsilon,
            norm="linf",
        )
        values = [sign * made.features(x[image : image + 1])[0, feature].item()]
        for step in range(chosen.attack.steps + 1):
            point = (x[image : image + 1] + moved).requires_grad_()
            value = sign * made.features(point)[0, feature]
            values.append(value.item())
            if step < chosen.attack.steps:
                (gradient,) = torch.autograd.grad(value, point)
                moved = moved + chosen.attack.step_size * gradient.sign()
                moved = moved.clamp(-chosen.attack.epsilon, chosen.attack.epsilon)
        found[direction, image, column] = sign * max(values)
    return found[0], found[1]


@pytest.mark.parametrize("name", CASES)
def test_the_engine_agrees_with_a_plain_loop(name: str):
    made = case(name)
    x = images(made, 2)
    chosen = settings(epsilon=0.05, steps=3, batch_size=8)
    got = measure(measured(made.network, x), x, chosen, features=FEATURES)
    with torch.no_grad():
        np.testing.assert_allclose(got.clean, made.features(x)[:, FEATURES], rtol=1e-3, atol=1e-5)
    maximum, minimum = slow_extrema(made, x, chosen)
    moved = np.stack([maximum - got.clean, got.clean - minimum])
    assert (moved > 0).any(), "a test on features that stay where they are shows nothing"
    # Rounding differs between the folded network and the plain one, and the sign of a gradient amplifies it.
    difference = np.abs(np.stack([got.maximum - got.clean, got.clean - got.minimum]) - moved)
    assert np.mean(difference <= 0.02 * moved + 1e-5) >= 0.8
    assert difference.sum() <= 0.02 * moved.sum()


class Shifted(nn.Module):
    """Standardizes by a plain tensor, which PyTorch does not move with the network."""

    def __init__(self, *, float32_inside: bool = False) -> None:
        super().__init__()
        self.shift, self.float32_inside = torch.full((3, 1, 1), 0.5), float32_inside
        self.layer, self.head = nn.Linear(3 * 8 * 8, 12), nn.Linear(12, 5)

    def forward(self, x: Tensor) -> Tensor:
        shifted = (x - self.shift).flatten(1)
        return self.head(torch.relu(self.layer(shifted.float() if self.float32_inside else shifted)))


def test_constants_of_a_network_follow_its_type():
    x = torch.rand(3, 3, 8, 8)
    network = Shifted()
    register_constants(network)
    assert "shift" not in network.state_dict()
    chosen = settings(epsilon=0.05, steps=3, search_dtype="bfloat16")
    assert np.isfinite(measure(measured(network, x), x, chosen).maximum).all()


def test_a_network_that_cannot_be_computed_in_bfloat16_is_reported():
    x = torch.rand(3, 3, 8, 8)
    chosen = settings(epsilon=0.05, steps=3, search_dtype="bfloat16")
    with pytest.raises(UserError, match=r"search_dtype is bfloat16, in which this network cannot be computed"):
        measure(measured(Shifted(float32_inside=True), x), x, chosen)


def test_a_network_that_keeps_values_between_its_layers_mixes_no_threads():
    made = case("two exits")
    x = images(made, 12)
    network, chosen = measured(made.network, x), settings(epsilon=0.1, steps=4, batch_size=8)
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = measure(network, x, chosen, features=FEATURES)
        torch.set_num_threads(4)
        assert same(measure(network, x, chosen, features=FEATURES), alone)
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("name", ["ViT", "WideResNet", "GELU MLP", "MobileNetV3"])
def test_shards_and_interruptions_change_no_bit(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    made = case(name)
    x = images(made, 5)
    network, chosen = measured(made.network, x), settings(epsilon=0.1, steps=4, batch_size=8)
    whole = measure(network, x, chosen, features=FEATURES)
    for shard in range(2):
        rows = np.arange(len(x))[shard::2]
        part = measure(network, x[rows], chosen, image_index=rows, features=FEATURES)
        for array in ("clean", "maximum", "minimum"):
            assert np.array_equal(getattr(part, array), getattr(whole, array)[rows])
    resumed, interruptions = interrupted_until_done(
        lambda: measure(network, x, chosen, features=FEATURES, unfinished_folder=tmp_path), monkeypatch, every=5
    )
    assert interruptions > 1
    assert same(resumed, whole)
