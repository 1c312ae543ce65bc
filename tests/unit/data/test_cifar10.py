import hashlib
import io
import pickle
import tarfile
import textwrap
from pathlib import Path

import numpy as np
import pytest

from feature_sensitivity.data import cifar10
from feature_sensitivity.data.cifar10 import load_cifar10
from feature_sensitivity.data.hdf5 import load_hdf5
from feature_sensitivity.runtime.errors import UserError

PER_BATCH = 4


@pytest.fixture
def cifar_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """CIFAR-10 in its original layout, four images a batch, whose MD5s are taken for the official ones."""
    folder = tmp_path / "cifar-10-batches-py"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name in (*cifar10.TRAIN_MD5, *cifar10.TEST_MD5):
        batch = {"data": rng.integers(0, 256, (PER_BATCH, 3072), dtype=np.uint8), "labels": [3, 1, 4, 1]}
        (folder / name).write_bytes(pickle.dumps(batch))
        official = cifar10.TRAIN_MD5 if name in cifar10.TRAIN_MD5 else cifar10.TEST_MD5
        monkeypatch.setitem(official, name, hashlib.md5((folder / name).read_bytes()).hexdigest())
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


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("content", [pickle.dumps({"data": Evil(), "labels": []}), pickle.dumps({}), b"", bytes(99)])
def test_batches_of_other_bytes_are_not_read(
    cifar_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: bytes, packed: bool
):
    monkeypatch.chdir(tmp_path)
    (cifar_folder / "data_batch_4").write_bytes(content)
    with pytest.raises(UserError, match=r"the MD5 of data_batch_4 differs; .* as HDF5"):
        load_cifar10(archive_of(cifar_folder) if packed else cifar_folder, tmp_path)
    assert not (tmp_path / "executed").exists()


def test_another_copy_comes_in_as_hdf5_by_the_documented_lines(cifar_folder: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(cifar_folder.parent)
    page = (Path(__file__).parents[3] / "docs/images.md").read_text()
    lines = page[page.index("    import pickle") :].partition("\n\n`")[0]
    exec(textwrap.dedent(lines), {})
    written = load_hdf5(Path("cifar10.h5")).splits
    for name, split in load_cifar10(cifar_folder, cifar_folder).splits.items():
        np.testing.assert_array_equal(written[name].images[:], split.images)
        np.testing.assert_array_equal(written[name].labels, split.labels)


def test_a_failed_download_names_the_other_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def fail(*arguments: object, **options: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr("torchvision.datasets.CIFAR10.download", fail)
    with pytest.raises(UserError, match=r"downloaded \(no route to host\); fetch .* the dataset's config key path"):
        load_cifar10(None, tmp_path)


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
