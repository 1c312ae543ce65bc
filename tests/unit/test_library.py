"""The package as a library: the same numbers as the workflow's, and sentences for what is wrong."""

import ast
import inspect
import os
import re
import shutil
import subprocess
import sys
import tomllib
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
import torch
import xarray as xr

from extrema_cases import measure as measure_directly
from extrema_cases import settings
from feature_sensitivity import library
from feature_sensitivity.data.standardization import Standardization
from feature_sensitivity.library import UserError, feature_table, load_checkpoint, load_network, measure, wrap
from feature_sensitivity.networks.checkpoints import save_checkpoint
from feature_sensitivity.networks.classifier import Classifier
from feature_sensitivity.runtime.devices import make_exact
from other_networks import DenseGELU
from snakemake_runs import ROOT

CONSTANTS = {"mean": [0.5] * 3, "std": [0.25] * 3}
PUBLIC = {name: getattr(library, name) for name in library.__all__ if name != "UserError"}


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (3, 3, 8, 8), dtype=np.uint8)


def test_the_numbers_are_those_of_the_engine(network: Classifier, images: np.ndarray):
    model = wrap(network, images, **CONSTANTS)
    index = np.array([7, 3, 5])
    got = measure(
        model, images, epsilon=0.3, epsilon_unit="standardized", image_index=index, batch_size=16, device="cpu"
    )
    x = (torch.from_numpy(images).float() / 255 - 0.5) / 0.25
    direct = measure_directly(network, x, settings(epsilon=0.3), image_index=index)
    for name in ("clean", "maximum", "minimum"):
        assert np.array_equal(got[name].values, getattr(direct, name))
    movement = np.maximum(direct.maximum - direct.clean, direct.clean - direct.minimum)
    weight = network.fc.weight.detach().abs().amax(0).numpy()
    np.testing.assert_allclose(got.sensitivity, movement.mean(axis=0) * weight, rtol=1e-5)
    assert (got.attrs["epsilon_255"], got.attrs["steps"]) == (pytest.approx(0.3 * 0.25 * 255), 20)


def test_pixel_units_are_the_same_ball_in_other_units(network: Classifier, images: np.ndarray):
    model = wrap(network, images, **CONSTANTS)
    pixel = measure(model, images, epsilon="8/255", features=3, device="cpu", batch_size=8)
    standardized = measure(
        model, images, epsilon=4 * 8 / 255, epsilon_unit="standardized", features=3, device="cpu", batch_size=8
    )
    np.testing.assert_allclose(pixel.sensitivity, standardized.sensitivity, rtol=0.02)
    assert pixel.attrs["epsilon_255"] == pytest.approx(8)


def test_the_table_has_a_row_for_each_feature(network: Classifier, images: np.ndarray):
    data = measure(
        wrap(network, images, **CONSTANTS), images, epsilon="2/255", features=[5, 2], labels=[0, 1, 0], device="cpu"
    )
    table = feature_table(data)
    assert list(table.index) == [5, 2]
    np.testing.assert_array_equal(table.sensitivity, data.sensitivity)
    np.testing.assert_allclose(table.maximum, data.maximum.values.mean(axis=0))
    assert data.label.values.tolist() == [0, 1, 0]


def test_without_labels_the_result_has_none(network: Classifier, images: np.ndarray):
    assert "label" not in measure(wrap(network, images), images, epsilon="1/255", features=1, device="cpu")


def test_a_layer_of_any_network_and_its_own_weights_file(images: np.ndarray, tmp_path: Path):
    torch.manual_seed(0)
    network = DenseGELU()
    torch.save(
        {"state_dict": {f"module.{name}": value for name, value in network.state_dict().items()}}, tmp_path / "w.pt"
    )
    (tmp_path / "nets.py").write_text("from other_networks import DenseGELU as dense\n")
    loaded = load_network(f"{tmp_path}/nets.py:dense", tmp_path / "w.pt", images, layer="first")
    wrapped = wrap(network, images.astype(np.float64) / 255, layer="first")
    first, second = (
        measure(model, images, epsilon="8/255", features=4, device="cpu", batch_size=8) for model in (loaded, wrapped)
    )
    assert first.identical(second)
    assert first.attrs["layer"] == "output of first"
    assert first.attrs["weight_normalization"] == "none"


def test_a_model_of_the_workflow(network: Classifier, images: np.ndarray, tmp_path: Path):
    architecture = {"name": "resnet18", "in_channels": 3, "n_classes": 5, "width": 4}
    constants = Standardization.from_mapping(CONSTANTS)
    save_checkpoint(tmp_path / "model.pt", network, constants, {"architecture": architecture})
    results = [
        measure(model, images, epsilon="4/255", features=3, device="cpu")
        for model in (load_checkpoint(str(tmp_path / "model.pt")), wrap(network, images, **CONSTANTS))
    ]
    assert results[0].identical(results[1])


BAD_CALLS = {
    "epsilon is 0": {"epsilon": 0},
    "epsilon is 'big'": {"epsilon": "big"},
    "norm is 'l1'; write": {"norm": "l1"},
    "protocol is 'papers'; write paper": {"protocol": "papers"},
    "epsilon_unit is 'pixels'; write pixel": {"epsilon_unit": "pixels"},
    "1 channels, the model takes 3": {"images": np.zeros((2, 1, 8, 8), np.uint8)},
    r"shape \[3, 8, 8\]": {"images": np.zeros((3, 8, 8), np.uint8)},
    "from 0 to 255; give uint8, or floats": {"images": np.full((1, 3, 8, 8), 255.0) * np.eye(8)},
    "network has 32; ask for at most": {"features": 33},
    "features lists 32, but network has 32 features": {"features": np.array([0, 32])},
    "features must be a number from 1, or different": {"features": [3, 3]},
    "features must be a number from 1, or diff": {"features": -1},
    "features must be how many": {"features": []},
    "epsilon is 8, but the whole range of pixels is 1": {"epsilon": 8},
    "seed is 1.5; write a whole number": {"seed": 1.5},
    "batch_size is 0; write a whole number, 1 or more": {"batch_size": 0},
    "images are no numbers of one shape": {"images": "folder/"},
    "images are no numbers": {"images": [np.zeros((3, 8, 8)), np.zeros((3, 9, 9))]},
    "model is of type Linear; give what wrap": {"model": torch.nn.Linear(2, 2)},
    "device is 'mps'; write cpu": {"device": "mps"},
    "device is 'gpu'; write one such as cpu": {"device": "gpu"},
    "device is 'cuda:99', but PyTorch sees": {"device": "cuda:99"},
    "labels must be 3 whole numbers": {"labels": [1, 2]},
    "image_index must be 3 whole numbers": {"image_index": [0.5, 1, 2]},
}


@pytest.mark.parametrize("sentence", BAD_CALLS)
def test_a_wrong_argument_is_a_sentence(sentence: str, network: Classifier, images: np.ndarray):
    call = {"model": wrap(network, images, **CONSTANTS), "images": images, "epsilon": "8/255", "device": "cpu"}
    with pytest.raises(UserError, match=sentence):
        measure(**{**call, **BAD_CALLS[sentence]})


HOSTILE_CALLS = {
    "epsilon is '8/255/2'": {"epsilon": "8/255/2"},
    "epsilon is '1e999999999'": {"epsilon": "1e999999999"},
    "epsilon is True": {"epsilon": True},
    "epsilon is 1e\\+39; write a number from": {"epsilon": 1e39, "norm": "l2"},
    "epsilon is nan": {"epsilon": float("nan")},
    "clip_to_pixel_box is 'no'; write True or False": {"clip_to_pixel_box": "no"},
    "name is None; write a text": {"name": None},
    "seed is True": {"seed": True},
    "protocol is \\[\\]": {"protocol": []},
    "norm is array": {"norm": np.zeros(2)},
    "device is 0.5; write one such as cpu": {"device": 0.5},
    "unfinished_folder is ''; write a path": {"unfinished_folder": ""},
    "labels is a masked array": {"labels": np.ma.masked_equal([0, 1, 2], 1)},
    "labels must be 3 whole numbers": {"labels": np.array([0, 1, 2**64 - 1], np.uint64)},
    "images are uint16 from 0 to 0": {"images": np.zeros((1, 3, 8, 8), np.uint16)},
    "images are no numbers of one shape, but complex64": {"images": np.zeros((1, 3, 8, 8), np.complex64)},
    "images is a masked array": {"images": np.ma.masked_less(np.ones((1, 3, 8, 8)), 2)},
    "images is a tensor that is sparse": {"images": torch.zeros(1, 3, 8, 8).to_sparse()},
    "images is a tensor that is sparse, nested": {"images": torch.nested.nested_tensor([torch.zeros(3, 8, 8)])},
    "quantized or without numbers": {"images": torch.zeros(1, 3, 8, 8, device="meta")},
    r"images have the shape \[1, 3, 0, 8\]": {"images": np.zeros((1, 3, 0, 8))},
    "images are no numbers of one shape, but object": {"images": np.array([[[["a"]]]], object)},
}


@pytest.mark.parametrize("sentence", HOSTILE_CALLS)
def test_an_argument_that_means_something_else_is_refused(sentence: str, network: Classifier, images: np.ndarray):
    call = {"model": wrap(network, images, **CONSTANTS), "images": images, "epsilon": "8/255", "device": "cpu"}
    with pytest.raises(UserError, match=sentence):
        measure(**{**call, **HOSTILE_CALLS[sentence]})


OTHER_CALLS = {
    "layer is 0; write a text": lambda network, x: wrap(network, x, layer=0),
    "positions is 3; write 'mean'": lambda network, x: wrap(network, x, positions=3),
    "mean or std are no numbers": lambda network, x: wrap(network, x, mean=[[1], [1, 2]], std=[1, 1, 1]),
    "which float32 cannot use": lambda network, x: wrap(network, x, mean=[0] * 3, std=[1e-300] * 3),
    "architecture is 3; write its name": lambda network, x: load_network(3, None, x),
    "the name of the architecture is None": lambda network, x: load_network({"name": None}, None, x),
    "weights is 3; write a path": lambda network, x: load_network("resnet18", 3, x),
    "path is None; write a path": lambda network, x: load_checkpoint(None),
    "extrema is a NoneType; give the result of measure": lambda network, x: feature_table(None),
    "extrema lacks the variables": lambda network, x: feature_table(xr.Dataset()),
}


@pytest.mark.parametrize("sentence", OTHER_CALLS)
def test_an_argument_of_another_type_is_a_sentence(sentence: str, network: Classifier, images: np.ndarray):
    with pytest.raises(UserError, match=sentence):
        OTHER_CALLS[sentence](network, images)


def test_weights_that_are_not_finite_are_told(network: Classifier, images: np.ndarray):
    network.fc.weight.data[0, 0] = torch.nan
    with pytest.raises(UserError, match=r"network holds numbers that are not finite, in fc\.weight"):
        wrap(network, images)


def test_the_byte_order_and_the_shape_of_images_change_nothing(images: np.ndarray):
    net = torch.nn.Sequential(torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(3, 2))
    pixels = images / np.float32(255)
    call = {"epsilon": "8/255", "device": "cpu", "batch_size": 4, "protocol": "fast"}
    swapped = measure(wrap(net, pixels), pixels.astype(">f4"), **call)
    assert swapped.identical(measure(wrap(net, pixels), pixels, **call))
    long = np.full((1, 3, 1, 65000), 0.5)
    assert np.isfinite(measure(wrap(net, long), long, **call).sensitivity).all()


def _state() -> list[object]:
    backends = torch.backends
    owners = (backends, backends.cudnn, backends.cudnn.conv, backends.cudnn.rnn, backends.cuda.matmul)
    return [
        torch.get_float32_matmul_precision(),
        *(owner.fp32_precision for owner in owners),
        *(backends.cudnn.benchmark, backends.cudnn.deterministic, backends.mha.get_fastpath_enabled()),
        *(backends.cuda.flash_sdp_enabled(), torch.get_default_dtype(), torch.get_num_threads()),
        *(torch.is_grad_enabled(), torch.is_autocast_enabled("cpu"), torch.random.get_rng_state().tolist()),
    ]


@pytest.mark.parametrize("way", ["plain", "medium", "float64", "no_grad", "inference_mode", "autocast", "meta"])
def test_what_a_notebook_has_set_decides_nothing_and_stays(way: str, network: Classifier, images: np.ndarray):
    model = wrap(network, images, **CONSTANTS)
    call = {"epsilon": "8/255", "features": 2, "device": "cpu", "batch_size": 8}
    expected = measure(model, images, **call)
    contexts = {
        "no_grad": torch.no_grad(),
        "inference_mode": torch.inference_mode(),
        "autocast": torch.autocast("cpu", torch.bfloat16),
        "meta": torch.device("meta"),
    }
    torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic = True, False
    torch.backends.mha.set_fastpath_enabled(True)
    if way == "medium":
        torch.set_float32_matmul_precision("medium")
    torch.set_default_dtype(torch.float64 if way == "float64" else torch.float32)
    try:
        with contexts.get(way, nullcontext()):
            before = _state()
            got = measure(wrap(network, images, **CONSTANTS), images, **call)
            assert _state() == before
    finally:
        torch.set_default_dtype(torch.float32)
        make_exact()
    assert got.identical(expected)


def test_a_network_stays_as_it_was():
    net = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten())
    net.append(torch.nn.Linear(4, 2)).train()
    net.shift = torch.zeros(3, 1, 1)

    def described() -> list[object]:
        tensors = [*net.parameters(), *net.buffers()]
        hooks = [len(m._forward_hooks) + len(m._forward_pre_hooks) for m in net.modules()]
        return [[(id(t), t.stride(), t.requires_grad) for t in tensors], hooks, list(vars(net)), repr(net)]

    before = described()
    for _ in range(2):
        measure(wrap(net, torch.rand(2, 3, 8, 8)), torch.rand(2, 3, 8, 8), epsilon="1/255", device="cpu")
    assert described() == before
    assert not net.training


@pytest.mark.parametrize("folder", [".", "mine"])
def test_a_folder_with_other_files_is_none_of_unfinished_work(
    folder: str, network: Classifier, images: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    files = [Path("weights.pt"), Path("mine/weights.pt")]
    files[1].parent.mkdir()
    for file in files:
        torch.save({"weights": torch.zeros(3)}, file)
    before = [file.read_bytes() for file in files]
    with pytest.raises(UserError, match="the folder of unfinished work"):
        measure(wrap(network, images), images, epsilon="8/255", device="cpu", unfinished_folder=folder)
    assert [file.read_bytes() for file in files] == before


def test_labels_are_checked_before_anything_is_measured(
    network: Classifier, images: np.ndarray, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(library, "measure_extrema", lambda **_: pytest.fail("the attack was begun"))
    with pytest.raises(UserError, match="labels must be 3"):
        measure(wrap(network, images), images, epsilon="8/255", labels=[1], device="cpu")


def test_arguments_may_be_numpys_and_torchs(network: Classifier, images: np.ndarray):
    model = wrap(network, images, mean=np.full(3, 0.5), std=torch.full((3,), 0.25))
    plain = measure(model, images, epsilon="4/255", features=[2, 0], labels=[0, 1, 2], device="cpu")
    pixels = torch.from_numpy(images).double() / 255 + 1e-7
    same = measure(
        model,
        pixels.clamp(1e-7, 1 + 1e-7),
        epsilon="4/255",
        features=np.array([2, 0]),
        labels=torch.tensor([0, 1, 2]),
        seed=np.int64(0),
        batch_size=plain.attrs["batch_size"],
        clip_to_pixel_box=np.bool_(False),
        device="cpu",
    )
    assert same.attrs == plain.attrs
    assert same["feature_index"].values.tolist() == [2, 0]
    np.testing.assert_allclose(same["maximum"], plain["maximum"], atol=1e-3)


def test_wrap_says_what_it_needs(network: Classifier, images: np.ndarray, tmp_path: Path):
    gray = wrap(torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 2)), images[:, :1], mean=0.5, std=0.25)
    assert gray.standardization == Standardization((0.5,), (0.25,))
    with pytest.raises(UserError, match="network is of type OrderedDict; give a torch"):
        wrap(network.state_dict(), images)
    with pytest.raises(UserError, match="positions is 'center'; write 'mean'"):
        wrap(network, images, layer="layer4", positions="center")
    for name in ("typo.pt", "typo.safetensors"):
        with pytest.raises(UserError, match=f"{name} is no file; correct the path"):
            load_network("resnet18", tmp_path / name, images)
    with pytest.raises(UserError, match=r"typo\.pt is no file; correct the path"):
        load_checkpoint(tmp_path / "typo.pt")


def test_images_of_another_size_and_constants_of_other_channels_are_refused(images: np.ndarray):
    model = wrap(DenseGELU(), images)
    with pytest.raises(UserError, match="does not take images of 3 x 9 x 9"):
        measure(model, np.zeros((2, 3, 9, 9), np.uint8), epsilon="8/255", device="cpu")
    with pytest.raises(UserError, match="must both have 3 numbers"):
        wrap(DenseGELU(), images, mean=[0.5], std=[0.5])
    with pytest.raises(UserError, match="write one of first"):
        wrap(DenseGELU(), images, layer="front")


@pytest.mark.parametrize("name", PUBLIC)
def test_help_names_every_argument(name: str):
    documented = inspect.getdoc(PUBLIC[name]) or ""
    for argument in inspect.signature(PUBLIC[name]).parameters:
        if argument not in ("path", "extrema"):  # the only one that the first line is about
            assert re.search(rf"\b{argument}\b", documented), argument


def test_the_package_declares_what_it_imports():
    declared = set(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"])
    renamed = {"sklearn": "scikit-learn", "yaml": "PyYAML", "PIL": "pillow", "vl_convert": "vl-convert-python"}
    optional = {"art", "datasets", "robustbench", "safetensors", "timm"}  # a sentence says how to install each
    inside = {"h5netcdf", "tabulate"}  # xarray and pandas import them
    found = set()
    for file in (ROOT / "workflow_scripts/feature_sensitivity").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_bytes())):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                found.add(str(node.module).partition(".")[0])
    foreign = found - sys.stdlib_module_names - optional - {"feature_sensitivity", "urllib3"}  # urllib3: of requests
    assert {renamed.get(name, name) for name in foreign} | inside == declared


def test_the_installed_package_runs_the_example_without_snakemake(tmp_path: Path):
    for part in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy2(ROOT / part, tmp_path)
    shutil.copytree(ROOT / "workflow_scripts", tmp_path / "workflow_scripts")
    shutil.copy2(ROOT / "docs/library.py", tmp_path)
    (tmp_path / "installed/snakemake").mkdir(parents=True)
    (tmp_path / "installed/snakemake/__init__.py").write_text("raise ImportError('the package needs no Snakemake')\n")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*pip, "--no-build-isolation", "--target", "installed", "."], cwd=tmp_path, check=True)
    shutil.rmtree(tmp_path / "workflow_scripts")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path / "installed")}
    command = [sys.executable, "library.py"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "digits_8-255.h5").is_file()
    means = [float(number) for number in re.findall(r"mean sensitivity ([\d.]+)", done.stdout)]
    assert 0 < means[0] < means[1]
