"""Where features are read, and what is refused."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from feature_sensitivity.networks.attack_copy import attack_copy
from feature_sensitivity.networks.build import build
from feature_sensitivity.networks.folding import folded_copy
from feature_sensitivity.networks.measured import MeasuredNetwork, measured
from feature_sensitivity.runtime.errors import UserError
from other_networks import case


class Small(nn.Module):
    """A convolution, BatchNorm, ReLU, average, and a linear layer; what lies behind them counts its calls."""

    def __init__(self, head: nn.Module | None = None) -> None:
        super().__init__()
        self.conv, self.bn = nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4)
        self.pool, self.head = nn.AdaptiveAvgPool2d(1), head or nn.Linear(4, 5)
        self.n_calls = 0

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(F.relu(self.bn(self.conv(x)))).flatten(1)
        logits = self.head(x)
        self.n_calls += 1
        return logits


@pytest.fixture
def x() -> Tensor:
    return torch.randn(4, 3, 8, 8, generator=torch.Generator().manual_seed(0))


def test_by_default_features_are_the_input_of_the_last_linear_layer(x: Tensor):
    small = Small().eval()
    network = measured(small, x)
    assert network.n_features == 4
    assert network.last_layer is small.head
    torch.testing.assert_close(small.head(network.features(x)), network(x))
    assert network.feature_minimum == 0.0, "an average of ReLU outputs"


def test_what_lies_behind_the_layer_is_not_computed(x: Tensor):
    small = Small().eval()
    network = measured(small, x)
    before = small.n_calls
    network.features(x)
    assert small.n_calls == before
    network(x)
    assert small.n_calls == before + 1


@pytest.mark.parametrize(
    ("positions", "expected"),
    [
        (None, lambda maps: maps.mean(dim=(2, 3))),
        ("mean", lambda maps: maps.mean(dim=(2, 3))),
        ("all", lambda maps: maps.flatten(1)),
        ("2,7", lambda maps: maps[:, :, 2, 7]),
    ],
)
def test_maps_are_averaged_or_taken_at_positions(positions: str | None, expected, x: Tensor):
    small = Small().eval()
    network = measured(small, x, layer="conv", positions=positions)
    torch.testing.assert_close(network.features(x), expected(small.conv(x)))
    assert network.last_layer is None
    assert network.feature_minimum == -torch.inf


def test_the_class_token_is_taken_where_the_logits_are_made_of_it_alone():
    made = case("ViT")
    images = torch.randn(2, 3, 16, 16)
    layers = [f"encoder.layers.encoder_layer_{i}" for i in range(2)]
    tokens = []
    for layer in layers:
        made.network.get_submodule(layer).register_forward_hook(lambda *args: tokens.append(args[2]))
    made.network(images)
    first, last = tokens
    for layer, positions, expected in (
        (layers[0], None, first.mean(dim=1)),  # the second layer reads every token
        (layers[0], "class", first[:, 0]),
        (layers[0], "3", first[:, 3]),
        (layers[1], None, last[:, 0]),
        (layers[1], "mean", last.mean(dim=1)),
    ):
        network = measured(made.network, images, layer=layer, positions=positions)
        torch.testing.assert_close(network.features(images), expected)


def test_a_layer_that_gives_what_the_last_linear_layer_takes_has_its_weights(x: Tensor):
    small = Small().eval()
    assert measured(small, x, layer="pool").last_layer is small.head


def test_any_layer_of_a_built_in_network_has_a_gradient(network, x: Tensor):
    inner = attack_copy(measured(network, x, layer="layer3"), x)
    points = x.clone().requires_grad_()
    values = inner.features(points)
    (gradient,) = torch.autograd.grad(values.sum(), points)
    assert isinstance(inner, MeasuredNetwork)
    assert gradient.abs().sum() > 0


def test_folding_leaves_the_measured_layer_as_it_is(x: Tensor):
    small = Small()
    small.train()(x)
    network = measured(small.eval(), x, layer="conv")
    torch.testing.assert_close(folded_copy(network).features(x), network.features(x))
    assert isinstance(folded_copy(network).network.bn, nn.BatchNorm2d)
    assert isinstance(folded_copy(measured(small, x)).network.bn, nn.Identity)


@pytest.mark.parametrize(
    ("layer", "positions", "message"),
    [
        ("convv", None, "layer is 'convv', which the network does not have; write one of conv"),
        ("conv", "8,0", "has positions 8 x 8, counted from 0"),
        ("conv", "3", "has positions 8 x 8"),
        ("head", "1,1", "gives one vector"),
    ],
)
def test_what_is_no_layer_is_reported(layer: str, positions: str | None, message: str, x: Tensor):
    with pytest.raises(UserError) as error:
        measured(Small().eval(), x, layer=layer, positions=positions)
    assert message in str(error.value)


class BatchStatistics(Small):
    """Standardizes by the statistics of the batch, in eval mode, too."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(F.batch_norm(x, None, None, training=True))


class Random(Small):
    """Drops out in eval mode, too."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(F.dropout(x, 0.5, training=True))


@pytest.mark.parametrize(
    ("network", "message"),
    [(BatchStatistics, "depends on the other images of its batch"), (Random, "another output each time")],
)
def test_a_network_whose_rows_are_not_their_own_is_refused(network: type[Small], message: str, x: Tensor):
    with pytest.raises(UserError, match=message):
        attack_copy(measured(network().eval(), x), x)


def test_images_that_a_network_refuses_are_reported(x: Tensor):
    with pytest.raises(UserError, match="does not take images of 3 x 8 x 8"):
        measured(case("ViT").network, x)


def test_a_shortcut_that_does_not_hold_is_left_out_and_logged(
    network, x: Tensor, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(type(network), "feature_minimum", 100.0)
    copied = attack_copy(network, x)
    assert copied.feature_minimum == -torch.inf
    assert "one shortcut is left out: the known bound" in caplog.text


@pytest.mark.parametrize(
    ("architecture", "message"),
    [
        ({"name": "resnet81"}, "write resnet18"),
        ({"name": "torchvision:resnet19"}, "torchvision has no network 'resnet19'; write resnet1"),
        ({"name": "resnet18", "in_channels": 3, "n_classes": 5, "wide": 3}, "its arguments are in_channels"),
        ({"name": "wideresnet-11-2", "in_channels": 3, "n_classes": 5}, "its depth is 11"),
        ({"name": "no_such_package.nets:f"}, "raises ModuleNotFoundError"),
    ],
)
def test_an_architecture_that_does_not_exist_is_refused(architecture: dict, message: str):
    with pytest.raises(UserError) as error:
        build(architecture)
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("code", "function", "message"),
    [
        ("def small(): ...", "small_one", "has no function 'small_one'; write one of small"),
        ("def small(): raise RuntimeError('no disk')", "small", "raises RuntimeError: no disk"),
        ("def small(): return 3", "small", "returns a int; it must return a torch.nn.Module"),
        ("def small(:", "small", "raises SyntaxError"),
    ],
)
def test_a_function_of_the_user_that_fails_is_refused(code: str, function: str, message: str, tmp_path):
    (tmp_path / "nets.py").write_text(code)
    with pytest.raises(UserError) as error:
        build({"name": f"{tmp_path}/nets.py:{function}"})
    assert message in str(error.value)


def test_a_function_of_the_user_gets_its_arguments_and_may_import_what_lies_beside(tmp_path):
    (tmp_path / "sizes_beside.py").write_text("WIDTH = 3\n")
    (tmp_path / "nets.py").write_text(
        "from torch import nn\nfrom sizes_beside import WIDTH\n\ndef small(n):\n    return nn.Linear(WIDTH, n)\n"
    )
    network = build({"name": f"{tmp_path}/nets.py:small", "n": 7})
    assert network.weight.shape == (7, 3)


def test_code_of_the_user_leaves_precision_and_algorithms_as_they_are_for_all_networks(tmp_path):
    (tmp_path / "nets.py").write_text(
        "import torch\n\ntorch.backends.cudnn.benchmark = torch.backends.cuda.matmul.allow_tf32 = True\n\n"
        "def small():\n    return torch.nn.Linear(2, 2)\n"
    )
    build({"name": f"{tmp_path}/nets.py:small"})
    assert not torch.backends.cudnn.benchmark
    assert torch.get_float32_matmul_precision() == "highest"
