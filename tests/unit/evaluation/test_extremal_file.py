"""The file of extremal images: what is written is read, and what is damaged or of another run is refused."""

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from extremal_cases import extremal_images, measured
from feature_sensitivity.evaluation.extremal_file import DIMENSIONS, read_extremal, write_extremal
from feature_sensitivity.runtime.errors import UserError

ATTRIBUTES = {"model": "normal", "checkpoint_sha256": "abc"}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_extremal(tmp_path / "normal.h5", extremal_images(), attributes=ATTRIBUTES)
    return tmp_path / "normal.h5"


def test_what_is_written_is_read(path: Path):
    got, expected = read_extremal(path, measured=measured()), extremal_images()
    for name in DIMENSIONS:
        assert np.array_equal(getattr(got, name), getattr(expected, name))
        assert getattr(got, name).dtype == getattr(expected, name).dtype


def refused(path: Path, message: str, **changes) -> None:
    with pytest.raises(UserError, match="delete it and run the same command again") as caught:
        read_extremal(path, **{"measured": measured(), **changes})
    assert message in str(caught.value)
    assert str(path) in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"model": "adversarial"}, "model is normal, expected adversarial"),
        ({"checkpoint_sha256": "other"}, "checkpoint_sha256 is abc, expected other"),
        ({"epsilon": 0.3}, "epsilons is 0.04, 0.2, expected 0.3, 0.3"),
    ],
)
def test_a_file_of_another_run(path: Path, changes: dict, message: str):
    others = [replace(file, attributes={**file.attributes, **changes}) for file in measured()]
    refused(path, message, measured=others)


@pytest.mark.parametrize("name", ["feature_index", "image_index"])
def test_a_file_of_another_sample(path: Path, name: str):
    others = [replace(file, **{name: getattr(file, name) + 100}) for file in measured()]
    refused(path, f"{name} is", measured=others)


def test_damaged_files(path: Path, tmp_path: Path):
    with h5py.File(path, "r+") as file:
        file["maximum"][0, 0, 0] = np.nan
    refused(path, ": maximum holds 1 values that are not finite")
    with h5py.File(path, "r+") as file:
        del file["maximum"]
    refused(path, " lacks maximum")
    path.write_bytes(b"something else")
    refused(path, "cannot be read as HDF5")
    images = extremal_images()
    write_extremal(path, replace(images, label=images.label.astype(np.int32)), attributes=ATTRIBUTES)
    refused(path, ": label is int32 [2], expected int64 [2]")


@pytest.mark.parametrize("names", [(), ("cat", ""), ("<b>", "caf\\udce9")])
def test_names_of_classes_come_back(tmp_path: Path, names: tuple[str, ...]):
    path = tmp_path / "normal.h5"
    write_extremal(path, replace(extremal_images(), classes=names), attributes=ATTRIBUTES)
    assert tuple(read_extremal(path, measured=measured()).classes) == names


@pytest.mark.parametrize("names", ["cat", '["cat"]', "[1, 2]", "{}", "["])
def test_damaged_names_of_classes_are_refused(tmp_path: Path, names: str):
    path = tmp_path / "normal.h5"
    write_extremal(path, extremal_images(), attributes={**ATTRIBUTES, "classes": names})
    with pytest.raises(UserError, match=r"normal\.h5 .*class"):
        read_extremal(path, measured=measured())
