"""The robust dataset as Ilyas et al. (2019) released it: their archive, or a local copy in any usual form."""

import hashlib
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

import torch
from torch import Tensor

from feature_sensitivity.data.archives import NOT_A_WHOLE_TAR, TooLargeError, members
from feature_sensitivity.data.hdf5 import load_hdf5
from feature_sensitivity.data.split import Source, Split
from feature_sensitivity.data.split_check import check_split
from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.runtime.files import sha256_of_file
from feature_sensitivity.runtime.tensor_files import load_tensors

FOLDERS = ("d_robust_CIFAR", "robust_CIFAR")  # as in the archive, and as in older texts

FILES = ("CIFAR_ims", "CIFAR_lab")  # images, labels

N_CLASSES = 10

FEWEST_IMAGES, MOST_IMAGES = 49_000, 50_000
"""As many as CIFAR-10 has for training; whoever makes them in batches may leave out a last, smaller one."""

MOST_BYTES = 8_000_000_000
"""Bytes to which an archive may unpack; the published one holds four datasets of 0.6 GB."""

INTEGERS = frozenset({torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64})

OTHER_WAYS = (
    "other ways to the data are another local copy (the dataset's config key path), the download (path: null) "
    "and building it here (source: construction)"
)


def read_release(path: Path) -> Source:
    """Read the train split (there is no other) of the released dataset, images as [n, 3, 32, 32].

    Args:
        path: the tar archive, of which only the two needed files are read, in place; a folder that
            holds ``CIFAR_ims`` and ``CIFAR_lab``, or at any depth a folder ``d_robust_CIFAR`` or
            ``robust_CIFAR`` with them; or an HDF5 file in the common form.

    Raises:
        UserError: the data is missing, damaged, unsafe, or not what it should be.
    """
    try:
        if path.is_dir():
            return _read_folder(path)
        if path.suffix in (".h5", ".hdf5"):
            return load_hdf5(path)
        return _read_archive(path)
    except UserError as error:
        raise UserError(f"{error}; {OTHER_WAYS}") from error


def _read_folder(path: Path) -> Source:
    names = (PurePosixPath(file.relative_to(path)) for file in path.rglob("CIFAR_*") if file.is_file())
    folder = path / _choose(names, path)
    digest = hashlib.sha256()
    contents = {}
    for name in FILES:
        with (folder / name).open("rb") as file:
            hashlib.file_digest(file, lambda: digest)  # one digest over both files
            file.seek(0)
            contents[name] = _load(file, str(folder / name))
    return _source(contents, where=str(folder), description=folder.resolve().name, sha256=digest.hexdigest())


def _read_archive(path: Path) -> Source:
    if not path.is_file():
        raise UserError(f"{path} does not exist or is not a file; correct the path")
    try:
        with tarfile.open(path) as archive:
            files = {
                PurePosixPath(member.name): member
                for member in members(archive, most_bytes=MOST_BYTES)
                if member.isfile()
            }
            folder = _choose(files, path)
            contents = {
                name: _load(cast(IO[bytes], archive.extractfile(files[folder / name])), f"{path}, {folder / name}")
                for name in FILES
            }
    except TooLargeError as error:
        raise UserError(f"{path} {error}; fetch it again") from error
    except NOT_A_WHOLE_TAR as error:
        raise UserError(f"{path} is not a whole tar archive; delete it and fetch it again") from error
    return _source(
        contents,
        where=f"{path}, {folder}",
        description=f"{path.name}, {folder}",
        sha256=sha256_of_file(path),
    )


def _choose(names: Iterable[PurePosixPath], where: Path) -> PurePosixPath:
    """Return the folder that holds both files: the top one, or the best of the accepted names nearest to it."""
    ranks = {folder: rank for rank, folder in enumerate(("", *FOLDERS))}
    found = set(names)
    folders = [
        file.parent
        for file in found
        if file.name == FILES[0] and file.parent.name in ranks and file.parent / FILES[1] in found
    ]
    if not folders:
        near = sorted(str(file) for file in found if file.name in FILES)
        raise UserError(
            f"{where} has no folder {' or '.join(FOLDERS)} with both {' and '.join(FILES)} "
            f"(of such files it has {', '.join(near) or 'none'}); name the archive, or the folder that holds the two"
        )
    return min(folders, key=lambda folder: (ranks[folder.name], len(folder.parts), str(folder)))


def _load(file: Path | IO[bytes], where: str) -> Any:
    return load_tensors(file, where=where, advice="fetch it again, from a source that you trust")


def _source(contents: Mapping[str, Any], *, where: str, description: str, sha256: str) -> Source:
    images, labels = (_joined(contents[name], f"{where}, {name}") for name in FILES)
    if images.shape[1:] == (32, 32, 3):
        images = images.permute(0, 3, 1, 2)
    if images.shape[1:] != (3, 32, 32):
        raise UserError(f"{where}: images have the shape {list(images.shape)}, expected [n, 3, 32, 32]")
    if images.is_floating_point():
        images = images.float()
    if labels.dtype not in INTEGERS:
        raise UserError(f"{where}: labels are {labels.dtype}, expected integers")
    split = Split(images.contiguous().numpy(), labels.long().numpy())
    check_split(split, where)
    if split.labels.max() >= N_CLASSES:
        raise UserError(f"{where}: the largest label is {split.labels.max()}, expected 0 to {N_CLASSES - 1}")
    if not FEWEST_IMAGES <= len(split.labels) <= MOST_IMAGES:
        raise UserError(
            f"{where} has {len(split.labels)} images, but the released dataset has {MOST_IMAGES}; "
            "write a part of it as HDF5 (results/README.md)"
        )
    return Source({"train": split}, f"robust dataset of Ilyas et al. 2019 ({description})", sha256)


def _joined(content: Any, where: str) -> Tensor:
    """Return one tensor for a tensor, or for a list or tuple of batches."""
    batches = content if isinstance(content, list | tuple) else [content]
    if not batches or not all(isinstance(batch, Tensor | int) for batch in batches):
        kinds = ", ".join(sorted({type(batch).__name__ for batch in batches})) or "nothing"
        raise UserError(f"{where} holds {kinds}, expected tensors; fetch it again")
    try:
        return torch.cat([torch.atleast_1d(torch.as_tensor(batch).detach()) for batch in batches])
    except RuntimeError as error:
        shapes = sorted({str(list(torch.as_tensor(batch).shape)) for batch in batches})
        raise UserError(f"{where} holds batches of unlike shapes ({', '.join(shapes)}); fetch it again") from error
