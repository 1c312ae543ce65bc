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
    check_files({"dataset": str(dataset)}, {"dataset": SETTINGS})


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"name": "robust"}, "name is digits, expected robust"),
        ({"size": 16, "name": "other"}, "name is digits, expected other, size is 8, expected 16"),
        ({"new": 1}, "new is not given"),
    ],
)
def test_another_dataset_is_refused(dataset: Path, change: dict, fault: str):
    with pytest.raises(UserError, match=f"data.h5 is not the one that this run describes: {fault}"):
        check_files({"dataset": str(dataset)}, {"dataset": {**SETTINGS, **change}})


@pytest.mark.parametrize("settings", [None, "{", json.dumps([1])])
def test_a_dataset_that_does_not_say_what_it_is(dataset: Path, settings: str | None):
    with h5py.File(dataset, "r+") as file:
        del file.attrs["settings"]
        if settings:
            file.attrs["settings"] = settings
    with pytest.raises(UserError, match="delete it and run the same command again"):
        check_files({"dataset": str(dataset)}, {"dataset": SETTINGS})


def test_a_checkpoint_is_known_by_its_training(tmp_path: Path):
    training = {"epochs": 2, "seed": 0, "attack": {"epsilon": 0.08}}
    content = {"architecture": {"name": "resnet18", "width": 4, "n_classes": 10}, "dataset": "d", "training": training}
    path = tmp_path / "normal.pt"
    torch.save(content, path)
    expected = {"architecture": {"name": "resnet18", "width": 4}, "dataset": "d", "training": training}
    check_files({"model": str(path)}, {"model": expected})
    for changed in ({"dataset": "e"}, {"architecture": {"width": 8}}, {"training": {**training, "epochs": 3}}):
        with pytest.raises(UserError, match=next(iter(changed))):
            check_files({"model": str(path)}, {"model": {**expected, **changed}})
    torch.save([1], path)
    with pytest.raises(UserError, match="architecture is not given"):
        check_files({"model": str(path)}, {"model": expected})


def test_a_model_belongs_to_the_images_that_measure_it(dataset: Path, tmp_path: Path):
    """Other images under the same name, with the same settings."""
    with h5py.File(dataset) as file:
        identity = file["train"].attrs["identity"]
    source = Source({"test": Split(np.zeros((2, 1, 4, 4), np.uint8), np.array([0, 1]))}, "mine", "")
    evaluation = tmp_path / "evaluation.h5"
    write_dataset(evaluation, source, Standardization((0.3,), (0.2,)), settings=SETTINGS)
    torch.save({"dataset": "digits", "evaluation_sha256": identity}, tmp_path / "normal.pt")
    inputs = {"model": str(tmp_path / "normal.pt"), "evaluation": str(evaluation)}
    expected = {"model": {"dataset": "digits"}, "evaluation": SETTINGS}
    check_files(inputs, expected)
    source = Source({"test": Split(np.ones((2, 1, 4, 4), np.uint8), np.array([0, 1]))}, "mine", "")
    write_dataset(evaluation, source, Standardization((0.3,), (0.2,)), settings=SETTINGS)
    with pytest.raises(UserError, match=r"normal.pt is not the one that this run describes: evaluation_sha256 is"):
        check_files(inputs, expected)
