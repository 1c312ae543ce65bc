import json
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from feature_sensitivity.data.dataset_file import write_dataset
from feature_sensitivity.data.split import Source, Split
from feature_sensitivity.data.standardization import Standardization
from feature_sensitivity.networks.expected_files import check_files
from feature_sensitivity.runtime.errors import UserError

SETTINGS = {"name": "digits", "size": 8, "standardization": {"mean": [0.3], "std": [0.2]}}


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    source = Source({"train": Split(np.zeros((2, 1, 4, 4), np.uint8), np.array([0, 1]))}, "mine", "")
    write_dataset(tmp_path / "data.h5", source, Standardization((0.3,), (0.2,)), settings=SETTINGS)
    return tmp_path / "data.h5"


def test_a_dataset_as_the_configuration_describes_it(dataset: Path):
    check_files({str(dataset): SETTINGS})


@pytest.mark.parametrize(
    ("change", "fault"),
    [({"name": "robust"}, "name differs"), ({"size": 16, "name": "other"}, "name, size differ"), ({"new": 1}, "new")],
)
def test_another_dataset_is_refused(dataset: Path, change: dict, fault: str):
    with pytest.raises(UserError, match=f"data.h5 is not the one that the configuration describes: its {fault}"):
        check_files({str(dataset): {**SETTINGS, **change}})


@pytest.mark.parametrize("settings", [None, "{", json.dumps([1])])
def test_a_dataset_that_does_not_say_what_it_is(dataset: Path, settings: str | None):
    with h5py.File(dataset, "r+") as file:
        del file.attrs["settings"]
        if settings:
            file.attrs["settings"] = settings
    with pytest.raises(UserError, match="delete it and run the same command again"):
        check_files({str(dataset): SETTINGS})


def test_a_checkpoint_is_known_by_its_training(tmp_path: Path):
    training = {"epochs": 2, "seed": 0, "attack": {"epsilon": 0.08}}
    content = {"architecture": {"name": "resnet18", "width": 4, "n_classes": 10}, "dataset": "d", "training": training}
    path = tmp_path / "normal.pt"
    torch.save(content, path)
    expected = {"architecture": {"name": "resnet18", "width": 4}, "dataset": "d", "training": training}
    check_files({str(path): expected})
    for changed in ({"dataset": "e"}, {"architecture": {"width": 8}}, {"training": {**training, "attack": None}}):
        with pytest.raises(UserError, match=f"its {next(iter(changed))} differs"):
            check_files({str(path): {**expected, **changed}})
    torch.save([1], path)
    with pytest.raises(UserError, match="its architecture, dataset, training differ"):
        check_files({str(path): expected})
