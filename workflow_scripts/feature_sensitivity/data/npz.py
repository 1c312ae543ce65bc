"""Images and labels in NumPy's .npz, read in parts."""

import math
import zipfile
import zlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from feature_sensitivity.data.fitting import Size, fitted
from feature_sensitivity.data.lazy_images import LazyImages
from feature_sensitivity.data.split import Source, Split
from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.runtime.files import sha256_of_file, sha256_of_parts

ADVICE = "write it as numpy.savez(path, images=images, labels=labels)"

DAMAGE = (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error, NotImplementedError, RuntimeError)

MOST_UNPACKED, SMALL = 200, 100_000_000
"""Times its size on disk to which a file may unpack, and bytes to which any file may."""
MOST_IMAGES = 20_000_000


def load_npz(paths: dict[str, Path], size: Size) -> Source:
    """Read ``images`` [n, channels, height, width] and ``labels`` [n] of each split's file.

    Raises :class:`UserError` when a file is missing, damaged, or holds Python objects.
    """
    splits = {}
    for name, path in paths.items():
        if not path.is_file():
            raise UserError(f"{path}, named in the config, does not exist or is not a file; correct the path")
        try:
            images, labels = _header(path, "images"), _header(path, "labels")
            if len(images.shape) != 4:
                raise ValueError(f"images are {list(images.shape)}, expected [n, channels, height, width]")
            if labels.shape != images.shape[:1] or labels.dtype.kind not in "iu" or labels.shape[0] > MOST_IMAGES:
                raise ValueError(
                    f"labels are {labels.dtype} {list(labels.shape)} for {images.shape[0]} images, expected integers, "
                    f"one for each of at most {MOST_IMAGES:,}"
                )
            with np.load(path, allow_pickle=False) as arrays:
                numbers = arrays["labels"]
            if len(numbers) and int(numbers.max()) > np.iinfo(np.int64).max:
                raise ValueError("labels are larger than any number of classes")
        except DAMAGE as error:
            raise UserError(f"{path} does not hold images and labels as .npz ({error}); {ADVICE}") from error
        splits[name] = Split(fitted(_images(path, images), size, str(path)), numbers.astype(np.int64))
    sha256 = sha256_of_parts(sha256_of_file(path).encode() for path in paths.values())
    return Source(splits, ", ".join(path.name for path in paths.values()), sha256)


class _Header(NamedTuple):
    """What a member declares; ``start``: the place of its first number."""

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    start: int


def _header(path: Path, name: str) -> _Header:
    """Return what a member declares, where that is its real size and no more than such a file can hold."""
    with zipfile.ZipFile(path) as archive, archive.open(f"{name}.npy") as handle:
        info = archive.getinfo(f"{name}.npy")
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError(f"{name} are compressed in a way that NumPy does not write")
        version = np.lib.format.read_magic(handle)
        header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran_order, dtype = header(handle)
        start, unpacked = handle.tell(), info.file_size
    if dtype.hasobject:
        raise ValueError(f"{name} are Python objects, which are not read")
    if fortran_order and len(shape) > 1:
        raise ValueError(f"{name} are in Fortran order; apply numpy.ascontiguousarray first")
    if min(shape, default=0) < 0 or start + math.prod(shape) * dtype.itemsize != unpacked:
        raise ValueError(f"{name} are declared as {dtype} {list(shape)}, but have {unpacked - start} bytes")
    if unpacked > max(SMALL, MOST_UNPACKED * path.stat().st_size):
        raise ValueError(f"{name} would unpack to {unpacked / 1e9:.1f} GB, far more than such a file holds")
    return _Header(shape, dtype, start)


def _images(path: Path, header: _Header) -> LazyImages:
    """Return the images of a file, of which only the parts that are asked for are unpacked into memory."""
    shape, dtype, start = header
    size = math.prod(shape[1:]) * dtype.itemsize

    def read(places: NDArray[np.int64]) -> NDArray[Any]:
        rows = np.empty((len(places), *shape[1:]), dtype)
        try:
            with zipfile.ZipFile(path) as archive, archive.open("images.npy") as handle:
                for row, place in enumerate(places.tolist()):
                    handle.seek(start + place * size)
                    rows[row] = np.frombuffer(handle.read(size), dtype).reshape(shape[1:])
        except DAMAGE as error:
            raise UserError(f"{path} is damaged among its images ({error}); {ADVICE}") from error
        return rows

    return LazyImages(read, shape, dtype)
