"""Who normalizes the images: what a network does with its constants decides, whatever they are called."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.transforms import Normalize

from feature_sensitivity.data.standardization import Standardization
from feature_sensitivity.networks.build import build
from feature_sensitivity.networks.imported import import_network
from feature_sensitivity.networks.normalization import normalization_among, normalization_inside, standardization_for

MEAN, STD = (0.48, 0.45, 0.4), (0.23, 0.22, 0.25)


class Net(nn.Module):
    """A small network that normalizes as ``normalized`` says, by constants under two keys."""

    keys = ("mean", "std")

    def __init__(self, mean: Any = MEAN, std: Any = STD) -> None:
        super().__init__()
        self.c, self.fc = nn.Conv2d(3, 8, 3), nn.Linear(8, 10)
        for key, value in zip(self.keys, (mean, std), strict=True):
            if isinstance(value, Tensor):
                self.register_buffer(key, value)
            else:
                setattr(self, key, value)

    def constants(self) -> list[Tensor]:
        return [torch.as_tensor(getattr(self, key), dtype=torch.float32).reshape(-1, 1, 1) for key in self.keys]

    def normalized(self, x: Tensor) -> Tensor:
        mean, std = self.constants()
        return (x - mean) / std

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(F.relu(self.c(self.normalized(x))).mean((2, 3)))


class Pixels(Net):
    keys = ("pixel_mean", "pixel_std")


class Plural(Net):
    keys = ("means", "sds")


class Nameless(Net):
    keys = ("a", "b")


class Inverse(Net):
    def normalized(self, x: Tensor) -> Tensor:
        mean, inverse = self.constants()
        return (x - mean) * inverse


class InUnitsOf255(Net):
    def normalized(self, x: Tensor) -> Tensor:
        mean, std = self.constants()
        return (255 * x - mean) / std


class Asserting(Net):
    def normalized(self, x: Tensor) -> Tensor:
        assert 0 <= x.min() <= x.max() <= 1
        return super().normalized(x)


class Noted(Net):
    """Only notes them, for whoever prepares its images."""

    def normalized(self, x: Tensor) -> Tensor:
        return x


class InTraining(Net):
    def normalized(self, x: Tensor) -> Tensor:
        return super().normalized(x) if self.training else x


class Noise(Net):
    """Adds noise of a mean and a standard deviation, in training."""

    def normalized(self, x: Tensor) -> Tensor:
        mean, std = self.constants()
        return x + mean + std * torch.randn_like(x) if self.training else x


class OfFeatures(Net):
    """Three numbers each, for something else."""

    def forward(self, x: Tensor) -> Tensor:
        mean, std = self.constants()
        return super().forward(x) + (mean + std).sum()

    def normalized(self, x: Tensor) -> Tensor:
        return x


def tensors(shape: tuple[int, ...] = (3,)) -> tuple[Tensor, Tensor]:
    return torch.tensor(MEAN).reshape(shape), torch.tensor(STD).reshape(shape)


@pytest.fixture
def pixels() -> Tensor:
    return torch.rand(4, 3, 12, 12, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize(
    "made",
    [
        Net,
        lambda: Net(*tensors()),
        lambda: Net(*tensors((1, 3, 1, 1))),
        lambda: Net(list(MEAN), list(STD)),
        lambda: Net(np.array(MEAN), np.array(STD)),
        lambda: Net(0.5, 0.25),
        Pixels,
        Plural,
        lambda: Nameless(*tensors()),
        lambda: Inverse(torch.tensor(MEAN), 1 / torch.tensor(STD)),
        lambda: InUnitsOf255([120.0, 110.0, 100.0], [58.0, 57.0, 56.0]),
        Asserting,
        lambda: nn.Sequential(Normalize(MEAN, STD), Noted()),
        lambda: nn.Sequential(nn.Identity(), nn.Sequential(Net())),
    ],
)
def test_a_network_that_normalizes_gets_pixels(made: Callable[[], nn.Module], pixels: Tensor):
    network = made().eval()
    before = network(pixels)
    default = Standardization((0.4,) * 3, (0.2,) * 3)
    assert normalization_inside(network, pixels) is not None
    used = standardization_for(network, pixels, own=None, default=default, name="mine")
    assert used == Standardization.identity(3)
    assert torch.equal(network(pixels), before), "its constants are as they were"


@pytest.mark.parametrize(
    "made", [Noted, InTraining, lambda: Noise(0.0, 0.1), Noise, OfFeatures, lambda: OfFeatures(*tensors())]
)
def test_a_network_that_only_has_such_numbers_gets_standardized_images(made: Callable[[], nn.Module], pixels: Tensor):
    default = Standardization((0.4,) * 3, (0.2,) * 3)
    assert standardization_for(made().eval(), pixels, own=None, default=default, name="mine") == default


@pytest.mark.parametrize(
    ("names", "found"),
    [
        (("mean", "std"), True),
        (("normalize.pixel_mean", "normalize.pixel_std"), True),
        (("means", "sds"), True),
        (("mu", "sigma"), True),
        (("bn.running_mean", "bn.running_std"), False),
        (("a.mean", "b.std"), False),
    ],
)
def test_constants_of_a_file_are_known_by_their_names(names: tuple[str, str], found: bool):
    constants = dict(zip(names, tensors(), strict=True))
    expected = Standardization(tuple(torch.tensor(MEAN).double().tolist()), tuple(torch.tensor(STD).double().tolist()))
    assert normalization_among(constants, 3) == (expected if found else None)


def test_published_weights_of_googlenet_get_what_they_were_trained_on(tmp_path, caplog: pytest.LogCaptureFixture):
    name = {"name": "torchvision:googlenet", "aux_logits": False, "init_weights": False, "num_classes": 4}
    torch.save(build(name).state_dict(), tmp_path / "weights.pt")
    default, pixels = Standardization((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)), torch.rand(2, 3, 32, 32)
    imported = import_network(name, tmp_path / "weights.pt", pixels, own=None, default=default)
    assert imported.network.transform_input
    assert imported.description["transform_input"]
    assert imported.standardization == default
    assert "write architecture: {name: torchvision:googlenet, transform_input: false}" in caplog.text
    own = import_network({**name, "transform_input": False}, tmp_path / "weights.pt", pixels, own=None, default=default)
    assert not own.network.transform_input
