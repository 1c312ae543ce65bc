import hashlib
import io
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest

from feature_sensitivity.data import cifar10
from feature_sensitivity.data.cifar10 import load_cifar10
from feature_sensitivity.runtime.errors import UserError

PER_BATCH = 4


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
    with pytest.raises(UserError, match=r"downloaded \(no route to host\); fetch .* datasets\.cifar10\.path"):
        load_cifar10(None, tmp_path)
