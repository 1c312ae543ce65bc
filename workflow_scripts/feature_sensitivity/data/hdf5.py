"""A dataset that is already in the common form."""

from pathlib import Path

import h5py

from feature_sensitivity.data.dataset_file import read_split
from feature_sensitivity.data.fitting import fitted
from feature_sensitivity.data.split import Source, Split
from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.runtime.files import sha256_of_file


def load_hdf5(path: Path, *, resize: int | None = None, center_crop: int | None = None) -> Source:
    """Read the train split of a dataset file, and its test split if it has one; their images stay in the file.

    ``resize`` and ``center_crop`` as of :func:`.lazy_images.fitted`.

    Raises :class:`UserError` when the file does not exist or is malformed.
    """
    if not path.is_file():
        raise UserError(
            f"{path}, named in the config, does not exist; name an HDF5 file with train/images and train/labels"
        )
    splits = {"train": read_split(path, "train", lazy=True)}
    with h5py.File(path, "r") as file:  # which read_split has found sound
        has_test = "test" in file
    if has_test:
        splits["test"] = read_split(path, "test", lazy=True)
    for name, split in splits.items():
        images = fitted(split.images, resize=resize, center_crop=center_crop)
        splits[name] = Split(images, split.labels, split.details)
    return Source(splits, path.name, sha256_of_file(path))
