import hashlib
import io
import pickle
import tarfile
from pathlib import Path

import h5py
import numpy as np
import pytest
import torch

from feature_sensitivity.data import cifar10
from feature_sensitivity.data.cifar10 import load_cifar10
from feature_sensitivity.data.dataset_file import read_split, write_dataset
from feature_sensitivity.data.digits import load_digits
from feature_sensitivity.data.hdf5 import load_hdf5
from feature_sensitivity.data.sampling import random_test_images
from feature_sensitivity.data.split import Source, Split
from feature_sensitivity.data.standardization import Standardization
from feature_sensitivity.runtime.errors import UserError

PER_BATCH = 4

RGB = Standardization(mean=(0.5,) * 3, std=(0.2,) * 3)


@pytest.fixture
def cifar_folder(tmp_path: Path) -> Path:
    """CIFAR-10 in its original layout, four images a batch."""
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name in (*cifar10.TRAIN_MD5, *cifar10.TEST_MD5):
        batch = {"data": rng.integers(0, 256, (PER_BATCH, 3072), dtype=np.uint8), "labels": [3, 1, 4, 1]}
        (folder / name).write_bytes(pickle.dumps(batch))
    return folder


def archive_of(folder: Path) -> Path:
    path = folder.parent / "cifar-10-python.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        archive.add(folder, folder.name)
    return path


def test_folder_parent_and_archive_give_the_same_images(cifar_folder: Path, tmp_path: Path):
    sources = [load_cifar10(path, tmp_path) for path in (cifar_folder, tmp_path, archive_of(cifar_folder))]
    assert len({source.sha256 for source in sources}) == 1
    for source in sources:
        assert source.splits["train"].images.shape == (5 * PER_BATCH, 3, 32, 32)
        assert source.splits["test"].labels.tolist() == [3, 1, 4, 1]
    batch = pickle.loads((cifar_folder / "data_batch_2").read_bytes())
    # Rows are channel-first: the second channel begins at value 1024.
    assert sources[0].splits["train"].images[PER_BATCH, 1, 0, 5] == batch["data"][0, 1024 + 5]


def test_a_copy_with_other_bytes_is_read_with_a_warning(
    cifar_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    for official in (cifar10.TRAIN_MD5, cifar10.TEST_MD5):
        for name in official:
            md5 = hashlib.md5((cifar_folder / name).read_bytes()).hexdigest()
            monkeypatch.setitem(official, name, md5)
    load_cifar10(cifar_folder, tmp_path)
    assert caplog.text == ""
    monkeypatch.setitem(cifar10.TRAIN_MD5, "data_batch_4", "0" * 32)
    assert load_cifar10(cifar_folder, tmp_path).splits["train"].images.shape == (5 * PER_BATCH, 3, 32, 32)
    assert "is not the official CIFAR-10: the MD5 of data_batch_4 differs" in caplog.text


def test_the_official_batches_are_those_of_torchvision():
    assert list(cifar10.TRAIN_MD5) == [f"data_batch_{k}" for k in range(1, 6)]
    assert list(cifar10.TEST_MD5) == ["test_batch"]


def test_a_missing_batch_is_named(cifar_folder: Path, tmp_path: Path):
    (cifar_folder / "data_batch_3").unlink()
    with pytest.raises(UserError, match="lacks data_batch_3"):
        load_cifar10(cifar_folder, tmp_path)


def test_a_missing_path_is_named(tmp_path: Path):
    with pytest.raises(UserError, match=r"nowhere, .* does not exist; correct datasets\.cifar10\.path"):
        load_cifar10(tmp_path / "nowhere", tmp_path)


def test_a_truncated_archive_is_named(cifar_folder: Path, tmp_path: Path):
    path = archive_of(cifar_folder)
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(UserError, match="not a whole tar archive"):
        load_cifar10(path, tmp_path)


class Evil:
    def __reduce__(self):
        return (Path.touch, (Path("executed"),))


def test_a_batch_that_would_run_code_does_not(cifar_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    (cifar_folder / "data_batch_1").write_bytes(pickle.dumps({"data": Evil(), "labels": []}))
    with pytest.raises(UserError, match="data_batch_1 is not a CIFAR-10 batch"):
        load_cifar10(cifar_folder, tmp_path)
    assert not (tmp_path / "executed").exists()


def test_a_failed_download_names_the_other_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def fail(*arguments: object, **options: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr("torchvision.datasets.CIFAR10.download", fail)
    with pytest.raises(UserError, match=r"downloaded \(no route to host\); fetch .* datasets\.cifar10\.path"):
        load_cifar10(None, tmp_path)


def test_digits_are_what_they_say():
    source = load_digits(size=16)
    train, test = source.splits["train"], source.splits["test"]
    assert (len(train.labels), len(test.labels)) == (1437, 360)
    assert train.images.shape == (1437, 3, 16, 16)
    assert train.images.dtype == np.uint8
    assert (train.images[:, 0] == train.images[:, 2]).all()
    assert set(train.labels) == set(test.labels) == set(range(10))
    assert source.sha256 == load_digits(size=16).sha256


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


def test_standardization_by_hand():
    images = torch.tensor([[[[0]], [[255]]]], dtype=torch.uint8)
    standardization = Standardization(mean=(0.5, 0.25), std=(0.25, 0.5))
    got = standardization.standardize(images)
    assert got.flatten().tolist() == [-2.0, 1.5]
    assert torch.equal(standardization.standardize(images.float() / 255), got)


def test_random_test_images_are_a_function_of_their_arguments():
    chosen = random_test_images(1000, 50, seed=3, key="key")
    assert np.array_equal(chosen, random_test_images(1000, 50, seed=3, key="key"))
    assert not np.array_equal(chosen, random_test_images(1000, 50, seed=4, key="key"))
    assert len(set(chosen)) == 50
    assert (np.diff(chosen) > 0).all()
    with pytest.raises(UserError, match="key asks for 11 images, but the test split has 10"):
        random_test_images(10, 11, seed=0, key="key")


def test_archive_members_elsewhere_are_not_taken(cifar_folder: Path, tmp_path: Path):
    path = tmp_path / "odd.tar"
    with tarfile.open(path, "w") as archive:
        archive.addfile(tarfile.TarInfo("../data_batch_1"), io.BytesIO())
    with pytest.raises(UserError, match="lacks data_batch_2"):
        load_cifar10(path, tmp_path)
    assert not (tmp_path.parent / "data_batch_1").exists()
