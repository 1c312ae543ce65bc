"""Networks that refuse images or cannot be read: each cause has its own sentence; and modes of the caller."""

import threading
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from feature_sensitivity.library import measure, wrap
from feature_sensitivity.networks.attack_copy import attack_copy
from feature_sensitivity.networks.measured import measured
from feature_sensitivity.runtime.errors import UserError


class Small(nn.Module):
    def __init__(self, channels: int = 3) -> None:
        super().__init__()
        self.c, self.fc = nn.Conv2d(channels, 8, 3), nn.Linear(8, 10)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(F.relu(self.c(x)).mean((2, 3)))


class FixedBatch(Small):
    def forward(self, x: Tensor) -> Tensor:
        return self.fc(F.relu(self.c(x)).mean((2, 3)).view(5, 8))


class NoGradient(Small):
    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x)


class Mapping(Small):
    def forward(self, x: Tensor) -> dict[str, Tensor]:
        return {"logits": super().forward(x)}


class Broken(Small):
    def forward(self, x: Tensor) -> Tensor:
        raise KeyError("a table is missing")


def on_meta() -> nn.Module:
    with torch.device("meta"):
        return Small()


def of_inference() -> nn.Module:
    with torch.inference_mode():
        return Small()


def compiled_part() -> nn.Module:
    return nn.Sequential(torch.compile(Small()))


FAULTS = {
    "half": (lambda: Small().half(), "the network's weights are float16, .*give network.float()"),
    "double": (lambda: Small().double(), "the network's weights are float64, .*give network.float()"),
    "fixed batch": (FixedBatch, "takes batches of 5 images and none of 2 "),
    "channels": (lambda: Small(1), "takes images of 1 channels, these have 3"),
    "size": (lambda: nn.Sequential(nn.Flatten(), nn.Linear(3 * 28 * 28, 4)), "3 x 16 x 16, but of 3 x 28 x 28"),
    "bug": (Broken, "KeyError: 'a table is missing'.*correct its code"),
    "no gradient": (NoGradient, "no gradient passes through the network"),
    "mapping": (Mapping, "returns a dict; it must return logits"),
    "scripted": (lambda: torch.jit.script(Small()), "the network was scripted or traced by torch.jit"),
    "traced": (lambda: torch.jit.trace(Small(), torch.rand(2, 3, 16, 16)), "was scripted or traced by torch.jit"),
    "scripted part": (lambda: nn.Sequential(nn.Flatten(), torch.jit.script(nn.Linear(768, 3))), "^1 was scripted"),
    "compiled part": (compiled_part, "0 was compiled by torch.compile"),
    "meta": (on_meta, "c.weight is on the device meta"),
    "inference": (of_inference, "c.weight was made under torch.inference_mode"),
}


@pytest.fixture
def x() -> Tensor:
    return torch.rand(4, 3, 16, 16, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("fault", FAULTS)
def test_every_cause_has_its_own_sentence(fault: str, x: Tensor):
    made, message = FAULTS[fault]
    with pytest.raises(UserError, match=message):
        measured(made().eval(), x[:2])


MODES: dict[str, Callable[[], AbstractContextManager]] = {
    "no_grad": torch.no_grad,
    "inference_mode": torch.inference_mode,
    "autocast": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "default device": lambda: torch.device("meta"),
    "default type": nullcontext,
}


@pytest.mark.parametrize("mode", MODES)
def test_a_measurement_is_the_same_in_every_mode_of_the_caller(mode: str, x: Tensor):
    torch.manual_seed(0)
    network = Small()

    def maximum() -> Tensor:
        found = measure(wrap(network, x), x, epsilon="4/255", protocol="fast", device="cpu")
        return torch.from_numpy(found.maximum.values)

    expected = maximum()
    try:
        torch.set_default_dtype(torch.float64 if mode == "default type" else torch.float32)
        with MODES[mode]():
            got = maximum()
            was = torch.is_grad_enabled(), torch.get_default_dtype()
    finally:
        torch.set_default_dtype(torch.float32)
    with MODES[mode]():
        assert was == (torch.is_grad_enabled(), torch.float64 if mode == "default type" else torch.float32)
    assert torch.equal(got, expected)


class Volumes(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.c, self.fc = nn.Conv3d(1, 8, 3, padding=1), nn.Linear(8, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(F.relu(self.c(x[:, None])).mean((2, 3, 4)))


def with_a_lock() -> nn.Module:
    network = Small()
    network.lock, network.images = threading.Lock(), (image for image in ())
    return network


class InRange(Small):
    def forward(self, x: Tensor) -> Tensor:
        assert x.min() >= 0, "images must be in [0, 1]"
        assert x.max() <= 1, "images must be in [0, 1]"
        return super().forward(x)


@pytest.mark.parametrize("made", [Volumes, with_a_lock, InRange, lambda: torch.compile(Small())])
def test_such_networks_are_measured(made: Callable[[], nn.Module], x: Tensor):
    found = measure(wrap(made(), x), x, epsilon="4/255", clip_to_pixel_box=True, protocol="fast", device="cpu")
    assert (found.maximum.values > found.clean.values).any()


def test_a_network_that_takes_only_pixels_says_what_to_write(x: Tensor):
    with pytest.raises(UserError, match=r"images must be in .*write clip_to_pixel_box: true"):
        measure(wrap(InRange(), x), x, epsilon="4/255", protocol="fast", device="cpu")


class Rows(Small):
    """Mixes or treats the rows of a batch unlike each other, as ``mix`` says."""

    def __init__(self, mix: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.mix = mix

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.mix(F.relu(self.c(x)).mean((2, 3))))


def place(h: Tensor) -> Tensor:
    return h * (1 + torch.arange(len(h)) // 8)[:, None]


@pytest.mark.parametrize(
    "mix",
    [
        place,
        lambda h: h - 0.5 * h.mean(0),
        lambda h: h + 0.1 * h.roll(1, 0),
        lambda h: torch.cat([h[:-1], h[-1:] + 0.1 * h[:1]]),
        lambda h: h / h.norm(),
        lambda h: h * (1 + len(h) % 2),
    ],
)
def test_a_network_whose_rows_are_not_independent_is_refused(mix: Callable[[Tensor], Tensor], x: Tensor):
    with pytest.raises(UserError, match="depends on the other images of its batch, or on its place") as error:
        attack_copy(measured(Rows(mix).eval(), x), x, 32)
    assert "BatchNorm" not in str(error.value)


def test_batchnorm_is_blamed_only_where_it_is_to_blame(x: Tensor):
    network = Small()
    network.fc = nn.Sequential(nn.BatchNorm1d(8, track_running_stats=False), nn.Linear(8, 10))
    with pytest.raises(UserError, match=r"let its BatchNorm \(.*fc.0\) use running statistics"):
        attack_copy(measured(network.eval(), x), x)
