"""Which images are correct, as a file keeps it."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from feature_sensitivity.evaluation.correct_file import CorrectFile, read_correct
from feature_sensitivity.evaluation.netcdf import write_netcdf
from feature_sensitivity.runtime.errors import UserError

FILE = CorrectFile(
    correct=np.array([[True, True, False], [True, False, False]]),
    label=np.array([3, 1, 0]),
    image_index=np.array([7, 2, 5]),
    attributes={"model": "normal", "epsilons": "0, 0.1"},
)


def test_what_was_written_is_read(tmp_path: Path):
    write_netcdf(tmp_path / "a.h5", FILE)
    found = read_correct(tmp_path / "a.h5")
    for name in ("correct", "label", "image_index"):
        assert np.array_equal(getattr(found, name), getattr(FILE, name))
    assert found.correct.dtype == bool
    assert FILE.attributes.items() <= found.attributes.items()


def test_it_opens_in_h5py(tmp_path: Path):
    write_netcdf(tmp_path / "a.h5", FILE)
    with h5py.File(tmp_path / "a.h5") as file:
        assert file["correct"][:].tolist() == [[1, 1, 0], [1, 0, 0]]


def test_a_change_is_noticed(tmp_path: Path):
    write_netcdf(tmp_path / "a.h5", FILE)
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        file["correct"][0, 0] = 0
    with pytest.raises(UserError, match="is not as it was written"):
        read_correct(tmp_path / "a.h5")
