import hashlib
import io
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest

from feature_sensitivity.data import cifar10
from feature_sensitivity.data.cifar10 import load_cifar10
from feature_sensitivity.data.safe_pickle import load_arrays
from feature_sensitivity.runtime.errors import UserError

PER_BATCH = 4


@pytest.fixture
def cifar_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """CIFAR-10 in its original layout, four images a batch."""
    monkeypatch.setattr(cifar10, "IMAGES_PER_BATCH", PER_BATCH)
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
    with pytest.raises(UserError, match=r"nowhere does not exist; correct the dataset's config key path"):
        load_cifar10(tmp_path / "nowhere", tmp_path)


def test_a_truncated_archive_is_named(cifar_folder: Path, tmp_path: Path):
    path = archive_of(cifar_folder)
    path.write_bytes(path.read_bytes()[:-2000])
    with pytest.raises(UserError, match="not a whole tar archive"):
        load_cifar10(path, tmp_path)


def test_archive_members_elsewhere_are_not_taken(cifar_folder: Path, tmp_path: Path):
    path = tmp_path / "odd.tar"
    with tarfile.open(path, "w") as archive:
        archive.addfile(tarfile.TarInfo("../data_batch_1"), io.BytesIO())
    with pytest.raises(UserError, match="lacks data_batch_2"):
        load_cifar10(path, tmp_path)
    assert not (tmp_path.parent / "data_batch_1").exists()


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
    with pytest.raises(UserError, match=r"downloaded \(no route to host\); fetch .* the dataset's config key path"):
        load_cifar10(None, tmp_path)


def refused_batch(cifar_folder: Path, batch: object, message: str) -> None:
    content = batch if isinstance(batch, bytes) else pickle.dumps(batch)
    (cifar_folder / "data_batch_1").write_bytes(content)
    with pytest.raises(UserError, match=message):
        load_cifar10(cifar_folder, cifar_folder)


def test_other_counts_than_the_official_ones_are_refused(cifar_folder: Path):
    images = np.zeros((PER_BATCH - 1, 3072), np.uint8)
    refused_batch(cifar_folder, {"data": images, "labels": [0, 1, 2]}, "data_batch_1 has 3 images, expected 4")
    assert len(load_arrays((cifar_folder / "test_batch").read_bytes())["labels"]) == PER_BATCH


@pytest.mark.parametrize("labels", [[0, 1, 2], [0, 1, 2, 10], [0, 1, 2, -1], [[0, 1, 2, 3]]])
def test_labels_that_are_not_those_of_cifar10_are_refused(cifar_folder: Path, labels: list):
    images = np.zeros((PER_BATCH, 3072), np.uint8)
    refused_batch(cifar_folder, {"data": images, "labels": labels}, "should have 4 labels from 0 to 9")


@pytest.mark.parametrize("data", ["text", [1.5, "a"], np.zeros(7, np.uint8), {"a": 1}])
def test_other_content_than_images_is_refused(cifar_folder: Path, data: object):
    refused_batch(cifar_folder, {"data": data, "labels": [0, 1, 2, 3]}, "holds other data than images and labels")


POINTERS = np.arange(1, 385, dtype=np.int64).tobytes()
"""Bytes that NumPy takes for the addresses of objects, if it is told that they are some."""


class Crafted:
    """Pickles to a call of numpy.ndarray on a buffer, or to an array of objects whose bytes are in the file."""

    def __init__(self, kind: str) -> None:
        self.kind = kind

    def __reduce__(self):
        if self.kind == "buffer":
            return np.ndarray, ((384,), np.dtype("O"), POINTERS)
        reconstruct, arguments, _ = np.zeros(1).__reduce__()
        return reconstruct, arguments, (1, (384,), np.dtype("O"), False, POINTERS)


@pytest.mark.parametrize("kind", ["buffer", "state"])
def test_a_batch_that_would_dereference_its_own_numbers_is_refused(cifar_folder: Path, kind: str):
    refused_batch(cifar_folder, {"data": Crafted(kind), "labels": [0, 1, 2, 3]}, "data_batch_1 is not a CIFAR-10 batch")


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize("dtype", [">i4", "<f8", "u1", "?"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_come_back_from_every_protocol(protocol: int, dtype: str, order: str):
    values = np.asarray(np.arange(6).reshape(2, 3), dtype, order=order)
    assert np.array_equal(np.asarray(load_arrays(pickle.dumps([values], protocol))[0]), values)


def test_a_batch_as_python_2_wrote_it():
    """An array of two bytes, 1 and 255, in the official files' own way."""
    content = (
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        b"(K\x01K\x02\x85cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        b"\x89U\x02\x01\xfftb."
    )
    assert np.asarray(load_arrays(content)).tolist() == [1, 255]


def test_an_archive_that_unpacks_to_far_more_than_the_dataset_is_refused_unread(
    cifar_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(cifar10, "MOST_BYTES", 100_000)
    (cifar_folder / "data_batch_1").write_bytes(bytes(1_000_000))
    with pytest.raises(UserError, match=r"unpacks to more than 0\.0001 GB, far more than the dataset holds"):
        load_cifar10(archive_of(cifar_folder), tmp_path)
    monkeypatch.setattr(cifar10, "LARGEST_BATCH", 500_000)
    with pytest.raises(UserError, match="data_batch_1 is far larger than a batch of CIFAR-10"):
        load_cifar10(cifar_folder, tmp_path)
