"""Costs of forward passes: counted on the network itself, whatever it is."""

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch import nn

from feature_sensitivity.config.network_costs import PassCost, count_networks, pass_costs, read_counts, uncounted
from feature_sensitivity.networks.pass_cost import cost_of, pass_cost
from snakemake_runs import ROOT

OWN_NETWORK = """
from torch import nn

def network(channels=6):
    print("a line on standard output")
    return nn.Sequential(
        nn.Conv2d(3, channels, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10)
    )
"""


def configured(**models: dict[str, Any]) -> dict[str, Any]:
    config = yaml.safe_load((ROOT / "config.yaml").read_text())
    return {**config, "models": {name: {"dataset": "cifar10", **entry} for name, entry in models.items()}}


def described(architecture: dict[str, Any], **settings: Any) -> dict[str, Any]:
    return {"architecture": architecture, "image_shape": [3, 32, 32], "layer": None, "positions": None, **settings}


def test_a_network_is_counted_as_by_hand():
    network = nn.Sequential(nn.Conv2d(3, 6, 3, groups=3), nn.ReLU(), nn.Flatten(), nn.Linear(6 * 6 * 6, 4))
    # Each of 6 x 6 x 6 values takes 9 taps of one channel.
    expected = {"flop": 2 * (9 * 216 + 216 * 4), "values": 216 + 4}
    assert pass_cost(network, [3, 8, 8]) == expected


def test_attention_is_counted():
    layer = nn.TransformerEncoderLayer(8, 2, dim_feedforward=16, batch_first=True)
    network = nn.Sequential(nn.Flatten(2), nn.Linear(64, 8), layer)
    n, d = 3, 8
    products = n * d * 64 + 4 * n * d * d + 2 * n * n * d + 2 * n * d * 16
    assert pass_cost(network, [n, 8, 8])["flop"] == 2 * products


@pytest.mark.parametrize(
    ("architecture", "macs", "features"),
    [
        ({"name": "resnet18", "width": 64}, 0.5554e9, 512),
        ({"name": "wideresnet-28-10"}, 5.25e9, 640),
        ({"name": "torchvision:mobilenet_v2"}, 6.1e6, 1280),
    ],
)
def test_networks_cost_what_their_papers_say(architecture: dict[str, Any], macs: float, features: int):
    cost = cost_of(described(architecture))
    assert cost.flop == pytest.approx(2 * macs, rel=0.02)
    assert cost.n_features == features


def test_the_features_are_those_of_the_layer_that_is_measured():
    assert cost_of(described({"name": "resnet18", "width": 8}, layer="layer3")).n_features == 32


def test_a_count_changes_neither_weights_nor_buffers():
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).train()
    before = {name: value.clone() for name, value in network.state_dict().items()}
    pass_cost(network, [3, 8, 8])
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())


def test_networks_of_a_configuration_are_counted_once_and_kept(tmp_path: Path):
    code = tmp_path / "own.py"
    code.write_text(OWN_NETWORK)
    own = {"name": f"{code}:network", "channels": 5}
    config = configured(own={"architecture": own}, missing={"architecture": f"{code}:no_such_function"}, normal={})
    counts = count_networks(config, file := tmp_path / "counts.json")
    costs = pass_costs(config, counts)
    # 30 x 30 positions of 5 channels, 27 taps each.
    assert costs["own"] == PassCost(flop=2 * (900 * 5 * 27 + 5 * 10), values=900 * 5 + 10, n_features=5)
    assert costs["normal"].flop == pytest.approx(2 * 0.5554e9, rel=1e-3)
    assert uncounted(config, counts) == ["missing"]
    assert costs["missing"] == pass_costs(config, {})["missing"]
    # What is counted is read; a network whose code changes is counted anew.
    assert read_counts(file) == counts
    code.write_text(OWN_NETWORK.replace("(3, channels, 3)", "(3, channels, 5)"))
    assert uncounted(config, counts) == ["own", "missing"]


@pytest.mark.parametrize("content", ["", "{", "[1]", '{"a": 1}', '{"a": [1]}', "null"])
def test_a_damaged_file_of_counts_counts_for_nothing(tmp_path: Path, content: str):
    (tmp_path / "counts.json").write_text(content)
    assert read_counts(tmp_path / "counts.json") == {}
