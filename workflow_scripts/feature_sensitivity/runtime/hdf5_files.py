"""HDF5 files from elsewhere: only what is in the file itself, and not more than memory takes."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py

CHANGES_NO_RESULT = True

MOST_UNPACKED = 2000
"""Times its size on disk to which a file may unpack; HDF5's own compression reaches about 1,000."""
SMALL = 1_000_000
"""Bytes to which any file may unpack."""
LARGEST_CHUNK = 500_000_000
"""Bytes; a chunk is unpacked as a whole."""
MOST_OBJECTS = 10_000


class UnsafeError(Exception):
    """A file that should not be read, in words that follow its path."""


@contextmanager
def open_hdf5(path: Path) -> Iterator[h5py.File]:
    """Open a file to be read, after :func:`check_hdf5`; raise OSError when it is damaged."""
    if path.exists() and not path.is_file():  # a pipe would be waited for
        raise OSError("it is not a file")
    with h5py.File(path, "r") as file:
        check_hdf5(file, path.stat().st_size)
        yield file


def check_hdf5(file: h5py.File, size: int) -> None:
    """Raise :class:`UnsafeError` when a file reaches into other files, or unpacks to far more than its ``size``."""
    unpacked = 0
    for name, item in _walk(file):
        if not isinstance(item, h5py.Dataset):
            continue
        if item.external or item.is_virtual:
            raise UnsafeError(f"takes {name} from another file, which is not followed")
        if item.chunks and math.prod(item.chunks) * item.dtype.itemsize > LARGEST_CHUNK:
            raise UnsafeError(f"has {name} in chunks of more than {LARGEST_CHUNK / 1e6:g} MB, which are not read")
        unpacked += math.prod(item.shape or (0,)) * item.dtype.itemsize
    if unpacked > max(SMALL, MOST_UNPACKED * size):
        raise UnsafeError(f"has {size / 1e6:.1f} MB and would unpack to {unpacked / 1e9:.1f} GB, which is not done")


def _walk(file: h5py.File) -> Iterator[tuple[str, h5py.Group | h5py.Dataset]]:
    """Yield what a file holds, by name; each object may have one name, or a few links would name millions."""
    groups, seen = [("", file)], {h5py.h5o.get_info(file.id).addr}
    while groups:
        above, group = groups.pop()
        for key in group:
            name = f"{above}{key}"
            if not isinstance(group.get(key, getlink=True), h5py.HardLink):
                raise UnsafeError(f"has a link in place of {name}, which is not followed")
            item = group[key]
            address = h5py.h5o.get_info(item.id).addr
            if address in seen:
                raise UnsafeError(f"has a second link to the same content at {name}, which is not followed")
            seen.add(address)
            if len(seen) > MOST_OBJECTS:
                raise UnsafeError(f"holds more than {MOST_OBJECTS:,} groups and arrays, which are not read")
            yield name, item
            if isinstance(item, h5py.Group):
                groups.append((f"{name}/", item))
