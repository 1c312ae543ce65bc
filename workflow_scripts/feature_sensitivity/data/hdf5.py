"""A dataset that is already in the common form."""

from pathlib import Path

import h5py

from feature_sensitivity.data.dataset_file import read_split
from feature_sensitivity.data.fitting import fitted
from feature_sensitivity.data.split import Source, Split
from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.runtime.files import sha256_of_file


def load_hdf5(path: Path, *, resize: int | None = None, center_crop: int | None = None) -> Source:
    """Read the splits of a dataset file, ``train``, ``test`` or both; their images stay in the file.

    ``resize`` and ``center_crop`` as of :func:`.lazy_images.fitted`.

    Raises :class:`UserError` when the file does not exist or is malformed.
    """
    if not path.is_file():
        raise UserError(
            f"{path}, named in the config, does not exist; name an HDF5 file with train/images and train/labels"
        )
    splits = {}
    for name in _split_names(path):
        split = read_split(path, name, lazy=True, is_own=False)
        images = fitted(split.images, resize=resize, center_crop=center_crop)
        splits[name] = Split(images, split.labels, split.details)
    return Source(splits, path.name, sha256_of_file(path))


def _split_names(path: Path) -> list[str]:
    try:
        with h5py.File(path, "r") as file:
            found = [name for name in ("train", "test") if name in file]
    except OSError:  # reading the split says what is wrong
        found = []
    return found or ["train"]
