"""CIFAR-10 (Krizhevsky 2009), downloaded or from a local copy."""

import hashlib
import logging
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import IO

import numpy as np
from torchvision.datasets import CIFAR10

from feature_sensitivity.data.archives import NOT_A_WHOLE_TAR, TooLargeError, members
from feature_sensitivity.data.safe_pickle import load_arrays
from feature_sensitivity.data.split import Source, Split
from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.runtime.files import sha256_of_parts

logger = logging.getLogger(__name__)

IMAGES_PER_BATCH = 10_000
N_CLASSES = 10
LARGEST_BATCH, MOST_BYTES = 64_000_000, 1_000_000_000
"""Bytes to which a batch and the whole archive may unpack, several times those of the official ones."""

TRAIN_MD5: dict[str, str] = dict(CIFAR10.train_list)
TEST_MD5: dict[str, str] = dict(CIFAR10.test_list)
"""The official batches by name, in their order, and their MD5, as torchvision knows them."""


def load_cifar10(path: Path | None, download_folder: Path) -> Source:
    """Read CIFAR-10 from a local folder or archive, or else download it.

    A local copy with other bytes than the official ones is read too, with a warning.

    Args:
        path: a ``cifar-10-batches-py`` folder, a folder that holds one, or ``cifar-10-python.tar.gz``.
        download_folder: where torchvision puts the archive, whose MD5 it checks, when there is no ``path``.

    Raises:
        UserError: the data is missing, damaged or unsafe, or the download failed.
    """
    path = path or _download(download_folder)
    contents = _read_batches(path)
    _warn_of_other_bytes(contents, path)
    splits = {}
    for split, names in (("train", TRAIN_MD5), ("test", TEST_MD5)):
        batches = [_parse_batch(contents[name], f"{path}, {name}") for name in names]
        splits[split] = Split(
            images=np.concatenate([batch.images for batch in batches]),
            labels=np.concatenate([batch.labels for batch in batches]),
        )
    return Source(splits, f"CIFAR-10 ({path.name})", sha256_of_parts(contents.values()))


def _download(folder: Path) -> Path:
    try:
        CIFAR10(str(folder), download=True)
    except (OSError, RuntimeError) as error:
        raise UserError(
            f"CIFAR-10 could not be downloaded ({error}); fetch {CIFAR10.filename} by hand "
            "and name it with the dataset's config key path"
        ) from error
    return folder / CIFAR10.filename


def _read_batches(path: Path) -> dict[str, bytes]:
    """Return the content of each batch, found by its base name at any depth of a folder or archive."""
    names = [*TRAIN_MD5, *TEST_MD5]
    if not path.exists():
        raise UserError(
            f"{path} does not exist; correct the dataset's config key path, or set it to null to download CIFAR-10"
        )
    try:
        if path.is_dir():
            files = [file for file in sorted(path.glob("**/*")) if file.name in names and file.is_file()]
            found = {file.name: _read(file.open("rb"), file.stat().st_size, str(file)) for file in files}
        else:
            found = _read_members(path, names)
    except TooLargeError as error:
        raise UserError(f"{path} {error}; fetch it again") from error
    except NOT_A_WHOLE_TAR as error:
        raise UserError(f"{path} is not a whole tar archive ({error}); fetch it again") from error
    missing = [name for name in names if name not in found]
    if missing:
        raise UserError(f"{path} lacks {', '.join(missing)}; it should hold the Python version of CIFAR-10")
    return {name: found[name] for name in names}


def _read_members(path: Path, names: Iterable[str]) -> dict[str, bytes]:
    """Return the content of an archive's files of these base names; nothing is extracted."""
    found = {}
    with tarfile.open(path) as archive:
        for member in members(archive, most_bytes=MOST_BYTES):
            name = Path(member.name).name
            handle = archive.extractfile(member) if name in names else None
            if handle:
                found[name] = _read(handle, member.size, f"{path}, {member.name}")
    return found


def _read(handle: IO[bytes], size: int, where: str) -> bytes:
    with handle:
        if size > LARGEST_BATCH:
            raise UserError(
                f"{where} is far larger than a batch of CIFAR-10 ({size / 1e6:.0f} MB), so it was not read; "
                "fetch the archive again"
            )
        return handle.read()


def _warn_of_other_bytes(contents: Mapping[str, bytes], path: Path) -> None:
    official = TRAIN_MD5 | TEST_MD5
    others = [
        name
        for name, content in contents.items()
        if hashlib.md5(content, usedforsecurity=False).hexdigest() != official[name]
    ]
    if others:
        logger.warning(
            "%s is not the official CIFAR-10: the MD5 of %s differs; results are those of this copy, "
            "for the official one set the dataset's config key path to null",
            path,
            ", ".join(others),
        )


def _parse_batch(content: bytes, where: str) -> Split:
    try:
        batch = load_arrays(content)
    except Exception as error:  # whatever a damaged pickle makes the reader raise
        raise UserError(f"{where} is not a CIFAR-10 batch ({error}); fetch the archive again") from error
    if not (isinstance(batch, dict) and {"data", "labels"} <= batch.keys()):
        raise UserError(f"{where} is not a CIFAR-10 batch (no data and labels in it); fetch the archive again")
    try:
        images = np.asarray(batch["data"], np.uint8).reshape(-1, 3, 32, 32)
        labels = np.asarray(batch["labels"], np.int64)
    except (TypeError, ValueError, OverflowError) as error:
        raise UserError(
            f"{where} holds other data than images and labels ({error}); fetch the archive again"
        ) from error
    if len(images) != IMAGES_PER_BATCH:
        raise UserError(
            f"{where} has {len(images)} images, expected {IMAGES_PER_BATCH}; fetch the archive again, or write a part "
            "of CIFAR-10 as HDF5 and use source: hdf5 (results/README.md)"
        )
    if labels.shape != (IMAGES_PER_BATCH,) or not np.isin(labels, range(N_CLASSES)).all():
        raise UserError(f"{where} should have {IMAGES_PER_BATCH} labels from 0 to 9; fetch the archive again")
    return Split(images, labels)
