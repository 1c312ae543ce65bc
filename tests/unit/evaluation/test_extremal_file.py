"""The file of extremal images: what is written is read, and what is damaged or of another run is refused."""

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from extremal_cases import extremal_images, measured
from feature_sensitivity.evaluation.extremal_file import ExtremalImages, read_extremal, write_extremal
from feature_sensitivity.evaluation.netcdf import dimensions_of
from feature_sensitivity.runtime.errors import UserError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_extremal(tmp_path / "normal.h5", extremal_images(), measured=measured())
    return tmp_path / "normal.h5"


def test_what_is_written_is_read(path: Path):
    got, expected = read_extremal(path, measured=measured()), extremal_images()
    for name in dimensions_of(ExtremalImages):
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
        ({"content_sha256": "other"}, "sensitivity_sha256 is content 0.04, content 0.2, expected other, other"),
    ],
)
def test_a_file_of_another_run(path: Path, changes: dict, message: str):
    others = [replace(file, attributes={**file.attributes, **changes}) for file in measured()]
    refused(path, message, measured=others)


def test_damaged_files(path: Path):
    with h5py.File(path, "r+") as file:
        file["maximum"][0, 0, 0] += 1
    refused(path, "is not as it was written")
    with h5py.File(path, "r+") as file:
        del file["maximum"]
    refused(path, " lacks maximum")
    path.write_bytes(b"something else")
    refused(path, "cannot be read as HDF5")


@pytest.mark.parametrize("names", [(), ("cat", ""), ("<b>", "caf\\udce9")])
def test_names_of_classes_come_back(tmp_path: Path, names: tuple[str, ...]):
    path = tmp_path / "normal.h5"
    write_extremal(path, replace(extremal_images(), classes=names), measured=measured())
    assert tuple(read_extremal(path, measured=measured()).classes) == names
