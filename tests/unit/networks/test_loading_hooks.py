"""Weights are loaded as the modules themselves load them: earlier names, extra states, lazy layers, versions."""

import re
from collections import OrderedDict
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn.utils import parametrizations, spectral_norm
from torch.nn.utils import weight_norm as old_weight_norm
from torchvision.models import MNASNet, VisionTransformer, densenet121, resnet18, vgg11_bn

from feature_sensitivity.data.standardization import Standardization
from feature_sensitivity.library import load_network
from feature_sensitivity.networks.checkpoints import load_checkpoint, save_checkpoint
from feature_sensitivity.networks.foreign_weights import load_into, network_with
from feature_sensitivity.networks.measured import MeasuredNetwork
from feature_sensitivity.networks.weights_file import read_tensors
from feature_sensitivity.runtime.errors import UserError

State = dict[str, Any]


class Scaled(nn.Module):
    """Keeps a number beside its tensors."""

    def __init__(self, factor: Any = 1.0) -> None:
        super().__init__()
        self.linear = nn.Linear(12, 5)
        self.factor = factor

    def get_extra_state(self) -> Any:
        return {"factor": self.factor}

    def set_extra_state(self, state: Any) -> None:
        self.factor = state["factor"]

    def forward(self, x: Tensor) -> Tensor:
        return self.factor * self.linear(x)


class Versioned(nn.Linear):
    """Its weights were stored with the other sign before version 2."""

    _version = 2

    def _load_from_state_dict(self, state: State, prefix: str, local_metadata: State, *others: Any) -> None:
        if local_metadata.get("version", 1) < 2:
            state[f"{prefix}weight"] = -state[f"{prefix}weight"]
        super()._load_from_state_dict(state, prefix, local_metadata, *others)


class RenamedItself(nn.Module):
    """A hook of its own knows the earlier name of a layer."""

    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = nn.Linear(12, 6), nn.Linear(6, 5)
        self.register_load_state_dict_pre_hook(self.rename)

    @staticmethod
    def rename(_: nn.Module, state: State, prefix: str, *__: Any) -> None:
        for name in [name for name in state if name.startswith(f"{prefix}trunk.")]:
            state[name.replace("trunk.", "body.")] = state.pop(name)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.body(x))


def flat(*layers: nn.Module) -> nn.Module:
    return nn.Sequential(nn.Flatten(), *layers)


def vit() -> nn.Module:
    return VisionTransformer(image_size=32, patch_size=16, num_layers=2, num_heads=2, hidden_dim=8, mlp_dim=16)


def vit_as_before(state: State) -> State:
    """Return the names of torchvision's first vision transformer."""
    return {re.sub(r"mlp\.([03])\.", lambda m: f"mlp.linear_{int(m[1]) // 3 + 1}.", k): v for k, v in state.items()}


def densenet_as_before(state: State) -> State:
    """Return the names of torchvision's first DenseNet, as in its published files."""
    return {
        re.sub(r"(denselayer\d+\.(?:norm|conv))([12]\.)", r"\1.\2", name): value
        for name, value in state.items()
        if "num_batches" not in name
    }


def as_it_is(state: State) -> State:
    return state


ROW, IMAGE = (2, 3, 2, 2), (2, 3, 32, 32)
HOOKED: dict[str, tuple[Callable[[], nn.Module], Callable[[], nn.Module], Callable[[State], State], Any]] = {
    "weight_norm, old file and old network": (
        lambda: flat(old_weight_norm(nn.Linear(12, 5))),
        lambda: flat(old_weight_norm(nn.Linear(12, 5))),
        as_it_is,
        ROW,
    ),
    "weight_norm, old file": (
        lambda: flat(old_weight_norm(nn.Linear(12, 5, bias=False))),
        lambda: flat(parametrizations.weight_norm(nn.Linear(12, 5, bias=False))),
        as_it_is,
        ROW,
    ),
    "weight_norm, new file": (
        lambda: flat(parametrizations.weight_norm(nn.Linear(12, 5))),
        lambda: flat(parametrizations.weight_norm(nn.Linear(12, 5))),
        as_it_is,
        ROW,
    ),
    "spectral_norm": (
        lambda: flat(spectral_norm(nn.Linear(12, 5))),
        lambda: flat(spectral_norm(nn.Linear(12, 5))),
        as_it_is,
        ROW,
    ),
    "DenseNet": (densenet121, densenet121, densenet_as_before, IMAGE),
    "vision transformer": (vit, vit, vit_as_before, IMAGE),
    "MNASNet, which wants to know its version": (lambda: MNASNet(0.5), lambda: MNASNet(0.5), as_it_is, IMAGE),
    "lazy layers": (
        lambda: nn.Sequential(nn.Conv2d(3, 4, 2), nn.BatchNorm2d(4), nn.Flatten(), nn.Linear(4, 5)),
        lambda: nn.Sequential(nn.LazyConv2d(4, 2), nn.LazyBatchNorm2d(), nn.Flatten(), nn.LazyLinear(5)),
        as_it_is,
        ROW,
    ),
    "an extra state": (lambda: flat(Scaled(3.0)), lambda: flat(Scaled()), as_it_is, ROW),
    "an extra state of tensors": (lambda: flat(Scaled(torch.ones(5))), lambda: flat(Scaled()), as_it_is, ROW),
    "versions": (lambda: flat(Versioned(12, 5)), lambda: flat(Versioned(12, 5)), as_it_is, ROW),
    "a hook of the network": (
        lambda: flat(RenamedItself()),
        lambda: flat(RenamedItself()),
        lambda state: {name.replace("body", "trunk"): value for name, value in state.items()},
        ROW,
    ),
}

WRAPPED = {
    "alone": "",
    "DataParallel": "module.",
    "compiled": "_orig_mod.",
    "Lightning": "model.",
    "all": "module._orig_mod.model.",
    "of a larger network": "student.backbone.",
}


def in_front(prefix: str, state: State) -> State:
    """Return a state as a network around this one stores it, with the versions of modules."""
    wrapped = OrderedDict((prefix + name, value) for name, value in state.items())
    versions = getattr(state, "_metadata", {})
    wrapped._metadata = {f"{prefix}{name}".rstrip("."): entry for name, entry in versions.items()}  # type: ignore[attr-defined]
    return wrapped


@pytest.mark.parametrize("prefix", WRAPPED.values(), ids=WRAPPED.keys())
@pytest.mark.parametrize("kind", HOOKED)
def test_what_modules_translate_is_theirs(kind: str, prefix: str, tmp_path: Path):
    theirs, mine, stored, shape = HOOKED[kind]
    trained, network, x = theirs().eval(), mine(), torch.randn(shape)
    torch.save(in_front(prefix, stored(trained.state_dict())), tmp_path / "w.pt")
    match = load_into(network, read_tensors(tmp_path / "w.pt"))
    assert match.fits, match
    assert not match.left_out
    torch.testing.assert_close(network.eval()(x), trained(x), rtol=0, atol=0)


@pytest.mark.parametrize(
    "kind", ["MNASNet, which wants to know its version", "versions", "an extra state", "lazy layers"]
)
def test_a_checkpoint_of_this_workflow_keeps_them(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    theirs, mine, _, shape = HOOKED[kind]
    trained = theirs().eval()
    monkeypatch.setattr("feature_sensitivity.networks.checkpoints.build", lambda _: mine())
    metadata = {"architecture": {"name": "timm:x"}, "input_shape": list(shape[1:])}
    save_checkpoint(tmp_path / "m.pt", trained, Standardization.identity(3), metadata)
    network = load_checkpoint(tmp_path / "m.pt").network
    assert isinstance(network, MeasuredNetwork)
    torch.testing.assert_close(network.network.state_dict(), trained.state_dict(), rtol=0, atol=0)


def test_an_extra_state_that_no_file_can_hold_is_reported(tmp_path: Path):
    network = flat(Scaled(date(2020, 1, 1)))
    with pytest.raises(UserError, match=r"object of class dict in 1\._extra_state"):
        save_checkpoint(tmp_path / "m.pt", network, Standardization.identity(3), {})
    torch.save(network.state_dict(), tmp_path / "w.pt")
    with pytest.raises(UserError, match=r"object of another class in 1\._extra_state"):
        read_tensors(tmp_path / "w.pt")
    missing = load_into(flat(Scaled()), flat(nn.Sequential()).state_dict() | {"1.linear.weight": torch.ones(5, 12)})
    assert sorted(missing.missing) == ["1._extra_state", "1.linear.bias"]


class Refusing(Scaled):
    def set_extra_state(self, state: Any) -> None:
        raise KeyError("temperature")


def test_what_a_hook_raises_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("feature_sensitivity.networks.foreign_weights.build", lambda _: flat(Refusing()))
    with pytest.raises(UserError, match=r"does not fit the architecture x.py:f: KeyError: 'temperature'"):
        network_with(flat(Scaled()).state_dict(), {"name": "x.py:f"}, tmp_path / "w.pt")


def test_lazy_layers_without_weights_are_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "net.py").write_text(
        "from torch import nn\n\ndef lazy():\n    return nn.Sequential(nn.Flatten(), nn.LazyLinear(4))\n"
    )
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UserError, match=r"no weights yet in 1\.weight, whose layer is lazy"):
        load_network("net.py:lazy", None, torch.rand(2, 3, 4, 4).numpy())
    torch.save(nn.Sequential(nn.Flatten(), nn.Linear(48, 4)).state_dict(), "w.pt")
    assert load_network("net.py:lazy", "w.pt", torch.rand(2, 3, 4, 4).numpy()).network.n_features == 48


def test_what_stands_beside_the_network_is_no_part_of_it():
    trained = flat(nn.Linear(12, 5)).state_dict()
    beside = {"loss.weight": torch.ones(5), **in_front("model.", trained), **in_front("ema_model.", trained)}
    match = load_into(flat(nn.Linear(12, 5)), beside)
    assert match.fits
    assert (match.left_out.keys(), match.copies) == ({"loss.weight"}, ["ema_model."])
    assert load_into(flat(nn.Linear(12, 5)), {**trained, "neck.weight": torch.ones(5)}).unexpected == ["neck.weight"]


PLACES = {
    "in front of a part": lambda name: name.replace("layer2.", "layer2.module."),
    "of a compiled block": lambda name: name.replace("layer1.0.", "layer1.0._orig_mod."),
    "everywhere": lambda name: "model." + name.replace("layer3.0.", "module.layer3._orig_mod.0.module."),
    "behind a name": lambda name: "net.module." + name.replace("layer1.", "layer1._orig_mod."),
}


@pytest.mark.parametrize("place", PLACES.values(), ids=PLACES.keys())
@pytest.mark.parametrize("of_network", [False, True])
def test_wrappers_stand_anywhere_in_a_name(place: Callable[[str], str], of_network: bool):
    trained = resnet18(num_classes=5).eval()
    network: nn.Module = resnet18(num_classes=5)
    if of_network:
        network.layer1[0] = nn.DataParallel(network.layer1[0])
        network = nn.ModuleDict({"_orig_mod": network})
    match = load_into(network, {place(name): value for name, value in trained.state_dict().items()})
    assert match.fits, match.describe()
    loaded = network["_orig_mod"] if isinstance(network, nn.ModuleDict) else network
    x = torch.randn(2, 3, 32, 32)
    assert torch.equal(loaded.eval()(x), trained(x))


def test_the_classes_of_any_head_are_read_off(tmp_path: Path):
    from torchvision.models import squeezenet1_1

    for name, builder in {"squeezenet1_1": squeezenet1_1, "densenet121": densenet121, "vgg11_bn": vgg11_bn}.items():
        state = builder(num_classes=7).state_dict()
        _, description, _ = network_with(state, {"name": f"torchvision:{name}"}, tmp_path / "w.pt")
        assert description["num_classes"] == 7


NOT_REAL = (torch.int8, torch.bool, torch.complex64, torch.uint8, torch.int64)


@pytest.mark.parametrize("dtype", NOT_REAL, ids=str)
@pytest.mark.parametrize("name", ["1.weight_g", "1.bias"])
def test_weights_of_other_kinds_of_numbers_are_refused_whatever_hooks_call_them(
    name: str, dtype: torch.dtype, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def network(_: Any = None) -> nn.Module:
        return flat(parametrizations.weight_norm(nn.Linear(12, 5)))

    monkeypatch.setattr("feature_sensitivity.networks.foreign_weights.build", network)
    state = flat(old_weight_norm(nn.Linear(12, 5))).state_dict()
    state[name] = torch.ones_like(state[name]).to(dtype)
    with pytest.raises(UserError, match=r"holds no floating-point numbers in 1\."):
        network_with(state, {"name": "x.py:f"}, tmp_path / "w.pt")


def linear(value: float) -> State:
    return flat(nn.Linear(12, 5)).state_dict() | {"1.bias": torch.full((5,), float(value))}


RAW, EMA = linear(1), linear(2)
SETS: dict[str, tuple[Any, float, str, float]] = {
    "timm": ({"state_dict": RAW, "state_dict_ema": EMA, "epoch": 3}, 1, "state_dict_ema", 2),
    "ConvNeXt": (
        {"model": RAW, "model_ema": EMA, "optimizer": {"state": {0: {"exp_avg": RAW["1.weight"]}}}},
        1,
        "model_ema",
        2,
    ),
    "BasicSR": ({"params": RAW, "params_ema": EMA}, 1, "params_ema", 2),
    "an average inside": ({"model": RAW, "ema": {"decay": 0.9, "module": EMA}}, 1, "ema", 2),
    "deeper": ({"checkpoint": {"state_dict": RAW, "ema_state_dict": EMA}}, 1, "checkpoint.ema_state_dict", 2),
    "an average first": ({"ema": EMA, "net": RAW}, 1, "ema", 2),
    "names that begin with another": (
        {"state_dict": {**in_front("model.", RAW), **in_front("ema_model.module.", EMA)}},
        1,
        "ema_model",
        2,
    ),
    "the same without keys": ({**in_front("net.", RAW), **in_front("averaged.", EMA)}, 1, "averaged", 2),
    "an average of parameters alone": (
        {**in_front("module.", {**RAW, "0.count": torch.ones(1)}), **in_front("shadow.module.", EMA)},
        1,
        "shadow",
        2,
    ),
}


def counting() -> nn.Module:
    network = flat(nn.Linear(12, 5))
    network[0].register_buffer("count", torch.ones(1))
    return network


@pytest.mark.parametrize("kind", SETS)
def test_of_several_sets_the_log_names_one_and_the_key_another(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    content, first, key, second = SETS[kind]
    build = counting if "alone" in kind else lambda: flat(nn.Linear(12, 5))
    monkeypatch.setattr("feature_sensitivity.networks.foreign_weights.build", lambda _: build())
    path = tmp_path / "w.pt"
    torch.save(content, path)
    network, _, _ = network_with(read_tensors(path), {"name": "x.py:f"}, path)
    assert network[1].bias.unique().tolist() == [first]
    (said,) = [record.message for record in caplog.records if "several" in record.message]
    assert key.split(".")[-1] in said
    caplog.clear()
    tensors = read_tensors(path, key)
    if "alone" in kind:
        tensors["shadow.module.0.count"] = torch.ones(1)
    network, _, _ = network_with(tensors, {"name": "x.py:f"}, path)
    assert network[1].bias.unique().tolist() == [second]
    assert not caplog.records
    with pytest.raises(UserError, match="no weights under the key 'emma'; its sets of weights are "):
        read_tensors(path, "emma")


def test_sets_without_a_known_key_are_asked_for(tmp_path: Path):
    path = tmp_path / "w.pt"
    torch.save({"student": RAW, "teacher": EMA}, path)
    with pytest.raises(UserError, match="several sets of weights, 'student', 'teacher'; name one by weights_key"):
        read_tensors(path)
    assert read_tensors(path, "teacher")["1.bias"].unique().tolist() == [2]
    torch.save({"weights": RAW, "rng": torch.ones(3), "scheduler": {"base": torch.ones(1)}}, path)
    assert read_tensors(path).keys() == RAW.keys()


@pytest.mark.parametrize("name", ["resnet18", "torchvision:resnet18", "timm:resnet10t"])
def test_a_network_without_weights_is_said_to_be_random(name: str, caplog: pytest.LogCaptureFixture):
    if name.startswith("timm"):
        pytest.importorskip("timm", reason="timm is optional")
    load_network(
        {"name": name, **({"n_classes": 3, "in_channels": 3, "width": 4} if name == "resnet18" else {})},
        None,
        torch.rand(2, 3, 32, 32).numpy(),
    )
    assert f"{name} has random weights" in caplog.text
