"""HDF5 files from elsewhere: only what is in the file itself, and not more than memory takes."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py

CHANGES_NO_RESULT = True

MOST_UNPACKED = 2000
"""Times its size on disk to which a file may unpack; HDF5's own compression reaches about 1,000."""
SMALL = 1_000_000
"""Bytes to which any file may unpack."""


class UnsafeError(Exception):
    """A file that should not be read, in words that follow its path."""


@contextmanager
def open_hdf5(path: Path) -> Iterator[h5py.File]:
    """Open a file to be read, after :func:`check_hdf5`; raise OSError when it is damaged."""
    with h5py.File(path, "r") as file:
        check_hdf5(file, path.stat().st_size)
        yield file


def check_hdf5(file: h5py.File, size: int) -> None:
    """Raise :class:`UnsafeError` when a file reaches into other files, or unpacks to far more than its ``size``."""
    unpacked = 0
    for name, item in _walk(file, ""):
        if not isinstance(item, h5py.Dataset):
            continue
        if item.external or item.is_virtual:
            raise UnsafeError(f"takes {name} from another file, which is not followed")
        unpacked += item.size * item.dtype.itemsize if item.shape is not None else 0
    if unpacked > max(SMALL, MOST_UNPACKED * size):
        raise UnsafeError(f"has {size / 1e6:.1f} MB and would unpack to {unpacked / 1e9:.1f} GB, which is not done")


def _walk(group: h5py.Group, above: str) -> Iterator[tuple[str, h5py.Group | h5py.Dataset]]:
    for key in group:
        name = f"{above}{key}"
        if not isinstance(group.get(key, getlink=True), h5py.HardLink):
            raise UnsafeError(f"has a link in place of {name}, which is not followed")
        item = group[key]
        yield name, item
        if isinstance(item, h5py.Group):
            if name.count("/") > 8:
                raise UnsafeError(f"nests groups deeper than any dataset does, at {name}")
            yield from _walk(item, f"{name}/")
