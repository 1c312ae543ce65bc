"""Images and labels in NumPy's .npz, read in parts."""

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from feature_sensitivity.data.fitting import fitted
from feature_sensitivity.data.lazy_images import LazyImages
from feature_sensitivity.data.split import Source, Split
from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.runtime.files import sha256_of_file, sha256_of_parts

ADVICE = "write it as numpy.savez(path, images=images, labels=labels)"


def load_npz(paths: dict[str, Path], *, resize: int | None, center_crop: int | None) -> Source:
    """Read ``images`` [n, channels, height, width] and ``labels`` [n] of each split's file.

    Raises :class:`UserError` when a file is missing, damaged, or holds Python objects.
    """
    splits = {}
    for name, path in paths.items():
        if not path.is_file():
            raise UserError(f"{path}, named in the config, does not exist; correct the path")
        try:
            images = _images(path)
            with np.load(path, allow_pickle=False) as arrays:
                labels = arrays["labels"]
        except (OSError, KeyError, ValueError, zipfile.BadZipFile) as error:
            raise UserError(f"{path} does not hold images and labels as .npz ({error}); {ADVICE}") from error
        if labels.dtype.kind in "iu":
            labels = labels.astype(np.int64)
        splits[name] = Split(fitted(images, resize=resize, center_crop=center_crop), labels)
    sha256 = sha256_of_parts(sha256_of_file(path).encode() for path in paths.values())
    return Source(splits, ", ".join(path.name for path in paths.values()), sha256)


def _images(path: Path) -> Any:
    """Return the images of a file, of which only the parts that are asked for are unpacked into memory."""
    member = "images.npy"
    with zipfile.ZipFile(path) as archive, archive.open(member) as handle:
        version = np.lib.format.read_magic(handle)
        header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran_order, dtype = header(handle)
        start = handle.tell()
    if dtype.hasobject:
        raise ValueError("images are Python objects, which are not read")
    if fortran_order and len(shape) > 1:
        raise ValueError("images are in Fortran order; apply numpy.ascontiguousarray first")
    size = int(np.prod(shape[1:])) * dtype.itemsize

    def read(places: NDArray[np.int64]) -> NDArray[Any]:
        rows = np.empty((len(places), *shape[1:]), dtype)
        try:
            with zipfile.ZipFile(path) as archive, archive.open(member) as handle:
                for row, place in enumerate(places.tolist()):
                    handle.seek(start + place * size)
                    rows[row] = np.frombuffer(handle.read(size), dtype).reshape(shape[1:])
        except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error) as error:
            raise UserError(f"{path} is damaged among its images ({error}); {ADVICE}") from error
        return rows

    if len(shape) != 4:
        return np.load(path)["images"]  # refused by check_split
    return LazyImages(read, shape, dtype)
