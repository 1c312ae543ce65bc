from pathlib import Path

import h5py
import numpy as np
import pytest

from feature_sensitivity.data.dataset_file import read_split, read_standardization, write_dataset
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
    with h5py.File(path, "a") as file:
        del file["train"]
    assert load_hdf5(path).splits.keys() == {"test"}


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
        (np.zeros((1, 3, 4, 4), np.uint8), np.array([10**9]), "the largest label is 1000000000"),
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


def written(folder: Path, images: np.ndarray | None = None) -> Path:
    images = np.zeros((4, 3, 4, 4), np.uint8) if images is None else images
    write_dataset(folder / "data.h5", split(images, np.arange(len(images))), RGB)
    return folder / "data.h5"


def refused(path: Path, message: str) -> None:
    with pytest.raises(UserError, match=message) as caught:
        read_split(path, "train")
    assert "data.h5" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("link", [h5py.ExternalLink("other.h5", "images"), h5py.SoftLink("/train/labels")])
def test_a_link_is_not_followed(tmp_path: Path, link: h5py.ExternalLink | h5py.SoftLink):
    path = written(tmp_path)
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["images"] = np.ones((4, 3, 4, 4), np.uint8)
    with h5py.File(path, "r+") as file:
        del file["train/images"]
        file["train/images"] = link
    refused(path, "has a link in place of train/images, which is not followed")


def test_numbers_that_stand_in_another_file_are_not_taken(tmp_path: Path):
    path = written(tmp_path)
    (tmp_path / "secret").write_bytes(bytes(1000))
    with h5py.File(path, "r+") as file:
        del file["train/images"]
        file.create_dataset("train/images", (4, 3, 4, 4), np.uint8, external=str(tmp_path / "secret"))
    refused(path, "takes train/images from another file")
    with h5py.File(path, "r+") as file:
        del file["train/images"]
        layout = h5py.VirtualLayout((4, 3, 4, 4), np.uint8)
        layout[:] = h5py.VirtualSource(str(tmp_path / "other.h5"), "images", (4, 3, 4, 4))
        file.create_virtual_dataset("train/images", layout)
    refused(path, "takes train/images from another file")


def test_a_file_that_unpacks_to_far_more_than_it_has_is_refused(tmp_path: Path):
    path = written(tmp_path)
    with h5py.File(path, "r+") as file:
        del file["train/images"]
        file.create_dataset("train/images", (2_000_000, 3, 32, 32), np.uint8, chunks=(1, 3, 32, 32))
    refused(path, "would unpack to 6.1 GB")


def test_equal_images_pack_well_and_are_read(tmp_path: Path):
    assert len(read_split(written(tmp_path, np.zeros((3000, 3, 32, 32), np.uint8)), "train").labels) == 3000


@pytest.mark.parametrize("value", ["group", "scalar", "text"])
def test_something_else_in_place_of_images_is_named(tmp_path: Path, value: str):
    path = written(tmp_path)
    with h5py.File(path, "r+") as file:
        del file["train/images"]
        if value == "group":
            file.create_group("train/images")
        else:
            file["train/images"] = 1 if value == "scalar" else "text"
    refused(path, "is not a dataset of this workflow")
    with h5py.File(path, "r+") as file:
        del file["train"]
        file["train"] = 1
    refused(path, "is not a dataset of this workflow")


def test_constants_that_standardize_nothing_are_refused(tmp_path: Path):
    path = written(tmp_path)
    for std, message in (([0.2, 0, 0.2], "are not all finite, and std above 0"), ([0.2], "3 numbers of mean and 1")):
        with h5py.File(path, "r+") as file:
            file.attrs["std"] = std
        with pytest.raises(UserError, match=message):
            read_standardization(path)
    with h5py.File(path, "r+") as file:
        del file.attrs["std"]
    with pytest.raises(UserError, match="does not say how its images are standardized"):
        read_standardization(path)


def tampered(path: Path, edit) -> None:
    with h5py.File(path, "r+") as file:
        edit(file)


@pytest.mark.parametrize(
    "edit",
    [
        lambda file: file["train/images"].__setitem__(2, 255 - file["train/images"][2]),
        lambda file: file["train/labels"].__setitem__(slice(None), file["train/labels"][:][::-1]),
        lambda file: file["train/digests"].__setitem__((0, 0), file["train/digests"][0, 0] ^ 1),
        lambda file: file["train"].attrs.__setitem__("identity", "other"),
        lambda file: file["train"].attrs.__delitem__("identity"),
        lambda file: file.__delitem__("train/digests"),
        lambda file: file.attrs.__setitem__("std", [0.3, 0.3, 0.3]),
        lambda file: file["train"].__setitem__("start_index", np.arange(4)),
    ],
)
@pytest.mark.parametrize("lazy", [False, True])
def test_a_dataset_that_was_changed_is_refused(tmp_path: Path, edit, lazy: bool):
    images = np.random.default_rng(0).integers(0, 256, (4, 3, 4, 4)).astype(np.uint8)
    path = written(tmp_path, images)
    assert np.array_equal(read_split(path, "train", lazy=lazy).images[:], images)
    tampered(path, edit)
    with pytest.raises(UserError, match="delete it and run the same command again"):
        read_split(path, "train", lazy=lazy).images[:]


def test_lazy_reading_checks_the_images_that_it_reads(tmp_path: Path):
    path = written(tmp_path)
    split = read_split(path, "train", lazy=True)
    tampered(path, lambda file: file["train/images"].__setitem__(2, np.ones((3, 4, 4), np.uint8)))
    assert split.images[np.array([3, 0])].shape == (2, 3, 4, 4)
    with pytest.raises(UserError, match="is not as it was written"):
        split.images[np.array([3, 2])]


def test_the_identity_of_a_split_is_its_content(tmp_path: Path):
    def identity(images: np.ndarray, name: str) -> str:
        (tmp_path / name).mkdir()
        return read_split(written(tmp_path / name, images), "train").identity

    images = np.zeros((4, 3, 4, 4), np.uint8)
    first = identity(images, "a")
    assert first == identity(images, "b") != identity(images + 1, "c")


def test_a_file_of_the_user_needs_no_digests(tmp_path: Path):
    path = written(tmp_path)
    tampered(path, lambda file: file.__delitem__("train/digests"))
    assert load_hdf5(path).splits["train"].identity == ""
