"""A dataset that is already in the common form."""

from pathlib import Path

import h5py

from feature_sensitivity.data.dataset_file import read_classes, read_split
from feature_sensitivity.data.fitting import UNCHANGED, Size, fitted
from feature_sensitivity.data.split import Source, Split
from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.runtime.files import sha256_of_file
from feature_sensitivity.runtime.hdf5_files import open_hdf5

LARGEST_ARRAY = 200_000_000
"""Bytes of labels or details, which are read as a whole."""


def load_hdf5(path: Path, size: Size = UNCHANGED) -> Source:
    """Read the splits of a dataset file, ``train``, ``test`` or both; their images stay in the file.

    Raises :class:`UserError` when the file does not exist or is malformed.
    """
    if not path.is_file():
        raise UserError(
            f"{path}, named in the config, does not exist or is not a file; name an HDF5 file with train/images and "
            "train/labels"
        )
    classes = read_classes(path)
    splits = {}
    for name in _split_names(path):
        split = read_split(path, name, lazy=True, is_own=False)
        images = fitted(split.images, size, f"{path}, {name} split")
        splits[name] = Split(images, split.labels, split.details)
    return Source(splits, path.name, sha256_of_file(path), classes)


def _split_names(path: Path) -> list[str]:
    with open_hdf5(path) as file:  # which read_classes could read
        names = [name for name in ("train", "test") if name in file]
        for name in names:
            for key, values in file[name].items() if isinstance(file[name], h5py.Group) else ():
                if key != "images" and isinstance(values, h5py.Dataset) and (values.nbytes or 0) > LARGEST_ARRAY:
                    raise UserError(
                        f"{path} has {values.nbytes / 1e9:.1f} GB in {name}/{key}, more than is read at once"
                    )
    return names or ["train"]
