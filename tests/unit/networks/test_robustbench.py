"""Networks of RobustBench, where its package is installed: test_other_libraries.py makes an environment that has it."""

from pathlib import Path

import numpy as np
import pytest
import torch

from extrema_cases import STANDARD, measure, settings
from feature_sensitivity.data.standardization import Standardization
from feature_sensitivity.networks.build import build
from feature_sensitivity.networks.checkpoints import classifier_of, load_checkpoint, save_checkpoint
from feature_sensitivity.networks.imported import import_network
from feature_sensitivity.runtime.errors import UserError

pytest.importorskip("robustbench", reason="robustbench is not installed here")

ENTRY = {"dataset": "cifar10", "threat_model": "Linf"}
NORMALIZING = {"name": "robustbench:Wong2020Fast", **ENTRY}
DEFAULT = Standardization((0.4914, 0.4822, 0.4465), (0.2023, 0.1994, 0.201))
PIXELS = torch.rand(2, 3, 32, 32)


def saved_weights(folder: Path, architecture: dict[str, str]) -> Path:
    """New weights where RobustBench looks for an entry's."""
    torch.manual_seed(0)
    network = build(architecture)
    name = architecture["name"].partition(":")[2]
    file = folder / architecture["dataset"] / architecture["threat_model"] / f"{name}.pt"
    file.parent.mkdir(parents=True)
    torch.save({f"module.{key}": value for key, value in network.state_dict().items()}, file)
    return file


def test_an_entry_comes_with_the_weights_of_its_cache_or_of_a_file(tmp_path: Path):
    file = saved_weights(tmp_path, NORMALIZING)
    cached = import_network({**NORMALIZING, "model_dir": str(tmp_path)}, None, PIXELS, own=None, default=DEFAULT)
    from_file = import_network(NORMALIZING, file, PIXELS, own=None, default=DEFAULT)
    for imported in (cached, from_file):
        assert imported.standardization == Standardization.identity(3), "it normalizes by itself"
        for name, value in torch.load(file, weights_only=True).items():
            assert torch.equal(imported.network.state_dict()[name.removeprefix("module.")], value)


def test_its_features_are_measured_and_its_checkpoint_needs_no_cache(tmp_path: Path):
    saved_weights(tmp_path / "cache", NORMALIZING)
    architecture = {**NORMALIZING, "model_dir": str(tmp_path / "cache")}
    imported = import_network(architecture, None, PIXELS, own=None, default=DEFAULT)
    path = tmp_path / "model.pt"
    metadata = {"architecture": imported.description, "input_shape": [3, 32, 32]}
    save_checkpoint(path, imported.network, imported.standardization, metadata)
    (tmp_path / "cache").rename(tmp_path / "elsewhere")
    model = load_checkpoint(path, architecture=architecture)
    x = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    classifier = classifier_of(imported.network, [3, 32, 32], None)
    with torch.no_grad():
        expected = classifier.features(x)[0, :2]
    standardization = {**STANDARD, "standardization": model.standardization}
    got = measure(
        model.network, x, settings(epsilon=8 / 255, steps=2, batch_size=2), features=np.arange(2), **standardization
    )
    np.testing.assert_allclose(got.clean[0], expected, rtol=1e-3, atol=1e-5)
    assert (got.maximum > got.clean).any()


def test_an_entry_of_timm_is_built_without_a_download():
    network = build({"name": "robustbench:Debenedetti2022Light_XCiT-S12", **ENTRY})
    assert network(torch.zeros(2, 3, 32, 32)).shape == (2, 10)


@pytest.mark.parametrize(
    ("architecture", "sentence"),
    [
        ({"name": "robustbench:Wong2020"}, "needs two arguments, dataset"),
        ({"name": "robustbench:Wong2020Fest", **ENTRY}, "write Wong2020Fast"),
        ({"name": "robustbench:Wong2020Fast", "dataset": "mnist", "threat_model": "Linf"}, "needs two arguments"),
    ],
)
def test_an_entry_that_does_not_exist_is_reported(architecture: dict[str, str], sentence: str):
    with pytest.raises(UserError, match=sentence):
        build(architecture)


def test_weights_that_are_neither_cached_nor_downloaded_are_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    import robustbench.utils

    def no_network(*_: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(robustbench.utils, "download_gdrive_new", no_network)
    with pytest.raises(UserError, match=r"could not load robustbench:Wong2020Fast \(OSError: no route to host\); put"):
        import_network({**NORMALIZING, "model_dir": str(tmp_path)}, None, PIXELS, own=None, default=DEFAULT)
