from pathlib import Path

import h5py
import numpy as np
import pytest

from feature_sensitivity.data.dataset_file import read_split, write_dataset
from feature_sensitivity.data.digits import load_digits
from feature_sensitivity.data.hdf5 import load_hdf5
from feature_sensitivity.data.split import Source, Split
from feature_sensitivity.data.standardization import Standardization
from feature_sensitivity.runtime.errors import UserError

RGB = Standardization(mean=(0.5,) * 3, std=(0.2,) * 3)


def test_a_dataset_file_gives_back_what_was_written(tmp_path: Path):
    path, source = tmp_path / "data.h5", load_digits(size=8)
    write_dataset(path, source, Standardization(mean=(0.3,) * 3, std=(0.2, 0.3, 0.4)))
    assert np.array_equal(read_split(path, "test").images, source.splits["test"].images)
    with h5py.File(path) as file:
        assert file.attrs["std"].tolist() == [0.2, 0.3, 0.4]
        assert file["train/labels"].dtype == np.int64
    assert load_hdf5(path).splits.keys() == {"train", "test"}


def split(images: np.ndarray, labels: np.ndarray) -> Source:
    return Source({"train": Split(images, labels)}, "mine", "")


@pytest.mark.parametrize(
    ("images", "labels", "message"),
    [
        (np.zeros((2, 3, 4, 4)), np.zeros(2, np.int64), "images are float64"),
        (np.zeros((2, 3, 4), np.uint8), np.zeros(2, np.int64), r"images are uint8 \[2, 3, 4\]"),
        (np.full((2, 3, 4, 4), 2, np.float32), np.zeros(2, np.int64), r"range over \[2, 2\], expected \[0, 1\]"),
        (np.full((2, 3, 4, 4), np.nan, np.float32), np.zeros(2, np.int64), "range over"),
        (np.zeros((2, 3, 4, 4), np.uint8), np.zeros(3, np.int64), "2 images but 3 labels"),
        (np.zeros((2, 3, 4, 4), np.uint8), np.zeros(2, np.int32), "labels are int32"),
        (np.zeros((1, 3, 4, 4), np.uint8), np.array([-1]), "the smallest label is -1"),
        (np.zeros((1, 1, 4, 4), np.uint8), np.array([0]), "has 1 channels"),
    ],
)
def test_a_malformed_dataset_is_refused(tmp_path: Path, images: np.ndarray, labels: np.ndarray, message: str):
    with pytest.raises(UserError, match=message):
        write_dataset(tmp_path / "data.h5", split(images, labels), RGB)
    assert not list(tmp_path.iterdir())


def test_a_missing_test_split_is_named(tmp_path: Path):
    path = tmp_path / "data.h5"
    grey = Standardization(mean=(0.5,), std=(0.2,))
    write_dataset(path, split(np.zeros((1, 1, 4, 4), np.uint8), np.array([0])), grey)
    with pytest.raises(UserError, match="has no test split"):
        read_split(path, "test")
