"""CIFAR-10 (Krizhevsky 2009), downloaded or from a local copy."""

import hashlib
import pickle
import tarfile
from pathlib import Path

import numpy as np
from torchvision.datasets import CIFAR10

from feature_sensitivity.data.archives import NOT_A_WHOLE_TAR, TooLargeError, members
from feature_sensitivity.data.split import Source, Split
from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.runtime.files import sha256_of_parts

CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
LARGEST_BATCH, MOST_BYTES = 64_000_000, 1_000_000_000
"""Bytes to which a batch and the whole archive may unpack, several times those of the official ones."""

TRAIN_MD5: dict[str, str] = dict(CIFAR10.train_list)
TEST_MD5: dict[str, str] = dict(CIFAR10.test_list)
"""The official batches by name, in their order, and their MD5, as torchvision knows them."""


def load_cifar10(path: Path | None, download_folder: Path) -> Source:
    """Read the official CIFAR-10 from a local folder or archive, or else download it.

    Batches are pickles, which can run code when they are read, so only those with the official MD5 are.

    Args:
        path: a ``cifar-10-batches-py`` folder, a folder that holds one, or ``cifar-10-python.tar.gz``.
        download_folder: where torchvision puts the archive, whose MD5 it checks, when there is no ``path``.

    Raises:
        UserError: the data is missing, damaged or not the official one, or the download failed.
    """
    path = path or _download(download_folder)
    official = TRAIN_MD5 | TEST_MD5
    contents = _read_batches(path, set(official))
    if missing := [name for name in official if name not in contents]:
        raise UserError(f"{path} lacks {', '.join(missing)}; it should hold the Python version of CIFAR-10")
    others = [
        name for name, md5 in official.items() if hashlib.md5(contents[name], usedforsecurity=False).hexdigest() != md5
    ]
    if others:
        raise UserError(
            f"{path} is not the official CIFAR-10, since the MD5 of {', '.join(others)} differs; set the dataset's "
            "config key path to null to download it, or write this copy as HDF5 and use source: hdf5 (docs/images.md)"
        )
    splits = {}
    for split, names in (("train", TRAIN_MD5), ("test", TEST_MD5)):
        batches = [pickle.loads(contents[name], encoding="latin1") for name in names]
        splits[split] = Split(
            images=np.concatenate([batch["data"] for batch in batches]).reshape(-1, 3, 32, 32),
            labels=np.concatenate([batch["labels"] for batch in batches]).astype(np.int64),
        )
    sha256 = sha256_of_parts(contents[name] for name in official)
    return Source(splits, f"CIFAR-10 ({path.name})", sha256, CLASSES)


def _download(folder: Path) -> Path:
    try:
        CIFAR10(str(folder), download=True)
    except (OSError, RuntimeError) as error:
        raise UserError(
            f"CIFAR-10 could not be downloaded ({error}); fetch {CIFAR10.filename} by hand "
            "and name it with the dataset's config key path"
        ) from error
    return folder / CIFAR10.filename


def _read_batches(path: Path, names: set[str]) -> dict[str, bytes]:
    """Return the content of each batch, found by its base name at any depth of a folder or archive."""
    if path.is_dir():
        files = [file for file in sorted(path.glob("**/*")) if file.name in names and file.is_file()]
        for file in files:
            _check_size(file.stat().st_size, str(file))
        return {file.name: file.read_bytes() for file in files}
    if not path.is_file():
        what = "is neither a folder nor an archive" if path.exists() else "does not exist"
        raise UserError(f"{path} {what}; correct the dataset's config key path, or set it to null to download CIFAR-10")
    found = {}
    try:
        with tarfile.open(path) as archive:
            for member in members(archive, most_bytes=MOST_BYTES):
                name = Path(member.name).name
                if name in names and (handle := archive.extractfile(member)):
                    _check_size(member.size, f"{path}, {member.name}")
                    found[name] = handle.read()
    except TooLargeError as error:
        raise UserError(f"{path} {error}; fetch it again") from error
    except NOT_A_WHOLE_TAR as error:
        raise UserError(f"{path} is not a whole tar archive ({error}); fetch it again") from error
    return found


def _check_size(size: int, where: str) -> None:
    if size > LARGEST_BATCH:
        raise UserError(
            f"{where} is far larger than a batch of CIFAR-10 ({size / 1e6:.0f} MB), so it was not read; "
            "fetch the archive again"
        )
