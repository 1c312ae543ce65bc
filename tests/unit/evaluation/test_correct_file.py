"""Which images are correct, as a file keeps it."""

from pathlib import Path

import h5py
import numpy as np
import pytest

from feature_sensitivity.evaluation.correct_file import CorrectFile, read_correct, write_correct
from feature_sensitivity.runtime.errors import UserError

FILE = CorrectFile(
    correct=np.array([[True, True, False], [True, False, False]]),
    label=np.array([3, 1, 0]),
    image_index=np.array([7, 2, 5]),
    attributes={"model": "normal", "epsilons": "0, 0.1"},
)


def test_what_was_written_is_read(tmp_path: Path):
    write_correct(tmp_path / "a.h5", FILE)
    found = read_correct(tmp_path / "a.h5")
    for name in ("correct", "label", "image_index"):
        assert np.array_equal(getattr(found, name), getattr(FILE, name))
    assert found.correct.dtype == bool
    assert found.attributes == FILE.attributes


def test_it_opens_in_h5py(tmp_path: Path):
    write_correct(tmp_path / "a.h5", FILE)
    with h5py.File(tmp_path / "a.h5") as file:
        assert file["correct"][:].tolist() == [[1, 1, 0], [1, 0, 0]]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"image_index": np.array([7, 7, 5])}, "names an image twice"),
        ({"correct": np.array([[0, 1, 2], [1, 0, 0]])}, "other numbers than 0 and 1"),
        ({"label": np.array([3, 1])}, "label is int64"),
    ],
)
def test_a_fault_is_named(tmp_path: Path, changes: dict, message: str):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name in ("correct", "label", "image_index"):
            file[name] = changes.get(name, getattr(FILE, name)).astype(np.int64)
    with pytest.raises(UserError, match=message):
        read_correct(tmp_path / "a.h5")
