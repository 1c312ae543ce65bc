"""Weights of networks that were trained elsewhere, as common codes store them."""

from argparse import Namespace
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from subprocess import Popen
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torchvision.models import mobilenet_v3_small, resnet18, resnet50

from feature_sensitivity.data.standardization import Standardization
from feature_sensitivity.networks.attack_copy import attack_copy
from feature_sensitivity.networks.build import build
from feature_sensitivity.networks.checkpoints import save_checkpoint
from feature_sensitivity.networks.classifier import Classifier
from feature_sensitivity.networks.foreign_weights import load_into, network_with
from feature_sensitivity.networks.imported import import_network
from feature_sensitivity.networks.normalization import normalization_among, normalization_inside
from feature_sensitivity.networks.normalized import NormalizedClassifier
from feature_sensitivity.networks.weights_file import read_tensors
from feature_sensitivity.runtime.errors import UserError

State = dict[str, Tensor]

STANDARDIZATION = Standardization((0.5,) * 3, (0.25,) * 3)


def kuangliu(state: State) -> State:
    return {name.replace("downsample", "shortcut").replace("fc.", "linear."): value for name, value in state.items()}


def prefixed(prefix: str, state: State) -> State:
    return {prefix + name: value for name, value in state.items()}


STORED: dict[str, Callable[[State], Any]] = {
    "weights alone": lambda state: state,
    "other names, beside the accuracy": lambda state: {"net": kuangliu(state), "acc": 95.2, "epoch": 199},
    "DataParallel": lambda state: {"state_dict": prefixed("module.", kuangliu(state)), "optimizer": {}},
    "robustness, which holds it twice": lambda state: {
        "model": {
            "module.normalizer.new_mean": torch.zeros(3, 1, 1),
            **prefixed("module.attacker.model.", kuangliu(state)),
            **prefixed("module.model.", kuangliu(state)),
        },
        "epoch": 150,
    },
    "behind a layer that standardizes": lambda state: {"0.mean": torch.zeros(3), **prefixed("1.", state)},
    "objects of other classes": lambda state: {
        "args": Namespace(epochs=3),
        "best": np.float64(0.93),
        "folder": Path("runs"),
        "of_classes": defaultdict(list, {3: [1]}),
        "state_dict": state,
    },
    "without counters of batches": lambda state: {k: v for k, v in state.items() if "num_batches" not in k},
}


@pytest.mark.parametrize("stored", STORED.values(), ids=STORED.keys())
def test_the_network_computes_what_it_computed_elsewhere(
    stored: Callable[[State], Any], network: Classifier, tmp_path: Path
):
    path = tmp_path / "weights.pt"
    torch.save(stored(dict(network.state_dict())), path)
    imported, architecture, _ = network_with(read_tensors(path), {"name": "resnet18"}, path)
    assert architecture == {"name": "resnet18", "width": 4, "in_channels": 3, "n_classes": 5}
    x = torch.randn(2, 3, 8, 8)
    assert torch.equal(imported(x), network(x))


def test_a_checkpoint_of_this_workflow_is_read_too(network: Classifier, tmp_path: Path):
    save_checkpoint(tmp_path / "own.pt", network, STANDARDIZATION, {"architecture": {"name": "resnet18"}})
    tensors = read_tensors(tmp_path / "own.pt")
    assert tensors.keys() == network.state_dict().keys()
    assert network_with(tensors, {"name": "resnet18"}, tmp_path / "own.pt")[2] == {}


@pytest.mark.parametrize(
    ("stored", "names"),
    [
        ("robustness, which holds it twice", ["module.normalizer.new_mean"]),
        ("behind a layer that standardizes", ["0.mean"]),
        ("DataParallel", []),
    ],
)
def test_what_would_be_lost_is_named(stored: str, names: list[str], network: Classifier, tmp_path: Path):
    path = tmp_path / "weights.pt"
    torch.save(STORED[stored](dict(network.state_dict())), path)
    left_out = network_with(read_tensors(path), {"name": "resnet18"}, path)[2]
    assert [name for name in left_out if "attacker" not in name] == names


def broken(state: State) -> State:
    return {**state, "fc.bias": torch.full((5,), torch.nan)}


UNFIT: dict[str, tuple[Callable[[Classifier], Any], str]] = {
    "the network itself": (lambda network: network, "write its weights alone: torch.save(network.state_dict(), path)"),
    "an object of another class beside it": (
        lambda network: {"state_dict": network.state_dict(), "args": Popen},
        "which was not done",
    ),
    "a number for the last layer": (
        lambda network: {**network.state_dict(), "fc.weight": torch.tensor(1.0)},
        "does not fit the architecture resnet18",
    ),
    "numbers beyond float32": (
        lambda network: {**network.state_dict(), "fc.bias": torch.full((5,), 1e300, dtype=torch.float64)},
        "not finite, in fc.bias",
    ),
    "whole numbers": (
        lambda network: {**network.state_dict(), "fc.weight": torch.ones(5, 32, dtype=torch.int8)},
        "holds no floating-point numbers in fc.weight (int8)",
    ),
    "complex numbers": (
        lambda network: {**network.state_dict(), "fc.bias": torch.ones(5, dtype=torch.complex64)},
        "holds no floating-point numbers in fc.bias (complex64)",
    ),
    "a list": (lambda network: [1, 2], "holds a list in place of weights by name"),
    "another network": (
        lambda network: nn.Linear(2, 2).state_dict(),
        "resnet18: it lacks 'conv1.weight'",
    ),
    "a 7x7 stem": (lambda network: resnet18().state_dict(), "does not fit the architecture resnet18"),
    "a deeper network": (lambda network: resnet50().state_dict(), "does not fit the architecture resnet18"),
    "no stem": (
        lambda network: {name: value for name, value in network.state_dict().items() if name != "conv1.weight"},
        "'conv1.weight'",
    ),
    "not finite": (lambda network: broken(dict(network.state_dict())), "not finite, in fc.bias"),
}


@pytest.mark.parametrize(("content", "message"), UNFIT.values(), ids=UNFIT.keys())
def test_what_does_not_fit_is_reported(
    content: Callable[[Classifier], Any], message: str, network: Classifier, tmp_path: Path
):
    path = tmp_path / "weights.pt"
    torch.save(content(network), path)
    with pytest.raises(UserError) as error:
        network_with(read_tensors(path), {"name": "resnet18"}, path)
    assert str(path) in str(error.value)
    assert message in str(error.value)


def test_a_file_that_is_no_weights_at_all_is_reported(tmp_path: Path):
    path = tmp_path / "weights.pt"
    path.write_text("<html>404</html>")
    with pytest.raises(UserError, match="is not a whole file of tensors"):
        read_tensors(path)


def test_the_architecture_that_would_fit_is_named(tmp_path: Path):
    wide = build({"name": "wideresnet-16-2", "in_channels": 3, "n_classes": 5}).state_dict()
    with pytest.raises(UserError, match="it fits architecture: wideresnet-16-2"):
        network_with(wide, {"name": "resnet50"}, tmp_path / "weights.pt")


def test_what_is_missing_unexpected_or_of_another_shape_is_reported(network: Classifier, tmp_path: Path):
    state = dict(network.state_dict())
    state["layer9.weight"] = state.pop("layer1.0.bn1.weight")
    state["layer2.0.bn1.weight"] = torch.ones(3)
    with pytest.raises(UserError) as error:
        network_with(state, {"name": "resnet18"}, tmp_path / "weights.pt")
    for part in (
        "1 missing: layer1.0.bn1.weight",
        "1 not in the network: layer9.weight",
        "layer2.0.bn1.weight [3], [8] in the network",
    ):
        assert part in str(error.value)


def test_a_prefix_of_the_network_is_found_and_classes_are_read_off(tmp_path: Path):
    theirs = mobilenet_v3_small(num_classes=7)
    weights = {f"module.{name}": value for name, value in theirs.state_dict().items()}
    got, description, _ = network_with(weights, {"name": "torchvision:mobilenet_v3_small"}, tmp_path / "weights.pt")
    assert description == {"name": "torchvision:mobilenet_v3_small", "num_classes": 7}
    x = torch.randn(2, 3, 32, 32)
    assert torch.equal(got(x), theirs.eval()(x))
    wrapped = nn.Sequential(nn.Identity(), mobilenet_v3_small(num_classes=7)).eval()
    assert load_into(wrapped, theirs.state_dict()).fits
    assert torch.equal(wrapped(x), theirs(x))


def test_names_of_the_network_itself_come_before_those_of_other_codes():
    """``fc`` and ``linear`` at one level, and parts that others store without use."""
    network = nn.ModuleDict({"fc": nn.Linear(2, 3), "linear": nn.Linear(3, 4), "sub_block1": nn.Linear(4, 5)})
    match = load_into(network, prefixed("module.", network.state_dict()))
    assert match.fits
    assert not match.left_out
    wrapped = nn.ModuleDict({"fc": nn.Linear(2, 3)})
    stored = {"linear.weight": torch.zeros(3, 2), "linear.bias": torch.zeros(3), "sub_block1.weight": torch.zeros(1)}
    assert load_into(wrapped, stored).fits


def test_a_missing_weight_that_is_called_as_a_constant_is_missing():
    network = nn.Linear(2, 2)
    network.mu = nn.Parameter(torch.zeros(3))
    network.register_buffer("sigma", torch.ones(3))
    match = load_into(network, {"weight": torch.zeros(2, 2), "bias": torch.zeros(2)})
    assert match.missing == ["mu"]


def test_a_normalization_of_the_file_is_kept_in_front_of_the_network(network: Classifier):
    constants = {"normalizer.mean": torch.tensor([0.25, 0.5, 0.5]), "normalizer.std": torch.full((1, 3, 1, 1), 0.5)}
    found = normalization_among(constants, 3)
    assert found == Standardization((0.25, 0.5, 0.5), (0.5, 0.5, 0.5))
    inside = NormalizedClassifier(network, found.mean, found.std).eval()
    pixels = torch.rand(4, 3, 8, 8)
    torch.testing.assert_close(inside(pixels), network(found.standardize(pixels)))
    torch.testing.assert_close(attack_copy(inside, pixels).features(pixels), inside.features(pixels))
    assert "mean, std" in str(normalization_inside(inside, pixels))
    assert normalization_inside(network, pixels) is None


@pytest.mark.parametrize(
    ("own", "level", "said"),
    [
        (None, "INFO", "it gets pixels in [0, 1]"),
        (Standardization((0.4,) * 3, (0.2,) * 3), "WARNING", "it gets images standardized by the config's constants"),
    ],
)
def test_the_log_says_what_a_network_with_a_normalization_in_its_file_gets(
    own: Standardization | None, level: str, said: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    tensors = build({"name": "resnet18", "width": 4, "in_channels": 3, "n_classes": 10}).state_dict()
    constants = {"normalizer.mean": torch.full((3,), 0.5), "normalizer.std": torch.full((3,), 0.25)}
    torch.save({**tensors, **constants}, tmp_path / "weights.pt")
    default = Standardization((0.1,) * 3, (0.3,) * 3)
    with caplog.at_level("INFO"):
        imported = import_network(
            {"name": "resnet18"}, tmp_path / "weights.pt", torch.rand(2, 3, 8, 8), own=own, default=default
        )
    assert imported.normalization == Standardization((0.5,) * 3, (0.25,) * 3)
    assert imported.standardization == (own or Standardization.identity(3))
    (record,) = [record for record in caplog.records if "normalizes in front of" in record.message]
    assert (record.levelname, said in record.message) == (level, True)


def test_safetensors_are_read(network: Classifier, tmp_path: Path):
    pytest.importorskip("safetensors", reason="safetensors is optional")
    from safetensors.torch import save_file

    save_file(dict(network.state_dict()), tmp_path / "weights.safetensors")
    got, _, _ = network_with(read_tensors(tmp_path / "weights.safetensors"), {"name": "resnet18"}, tmp_path)
    x = torch.randn(2, 3, 8, 8)
    assert torch.equal(got(x), network(x))
    (tmp_path / "broken.safetensors").write_bytes(b"no tensors at all")
    with pytest.raises(UserError, match="is not a whole safetensors file"):
        read_tensors(tmp_path / "broken.safetensors")
