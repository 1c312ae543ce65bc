"""One form for every dataset: an HDF5 file with images, labels and the constants that standardize them."""

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from feature_sensitivity.data.lazy_images import LazyImages, images_in_hdf5
from feature_sensitivity.data.split import Source, Split
from feature_sensitivity.data.split_check import check_split, images_together
from feature_sensitivity.data.standardization import Standardization
from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.runtime.files import whole_file, write_whole
from feature_sensitivity.runtime.hdf5_files import UnsafeError, open_hdf5

IMAGES_PER_CHUNK = 64

ADVICE = "delete it and run the same command again"


def write_dataset(
    path: Path, source: Source, standardization: Standardization, *, settings: Mapping[str, Any] | None = None
) -> None:
    """Write the splits in the common form, whole or not at all, with the constants that standardize their images.

    ``settings``: what the configuration says of the dataset, kept so that another one is not taken for it.
    Raises :class:`UserError` when a split is malformed or the constants are for another number of channels.
    """
    n_channels = len(standardization.mean)
    for name, split in source.splits.items():
        check_split(split, f"{source.description}, {name} split")
        if split.images.shape[1] != n_channels:
            raise UserError(
                f"{source.description} has {split.images.shape[1]} channels, but standardization.mean in the config "
                f"has {n_channels} numbers; give one per channel"
            )
    if any(isinstance(split.images, LazyImages) for split in source.splits.values()):
        with whole_file(path) as temporary:
            _write(temporary, source, standardization, settings)
        return
    buffer = io.BytesIO()
    _write(buffer, source, standardization, settings)
    write_whole(path, buffer.getvalue())


def _write(
    target: Path | io.BytesIO, source: Source, standardization: Standardization, settings: Mapping[str, Any] | None
) -> None:
    with h5py.File(target, "w") as file:
        for name, split in source.splits.items():
            together = images_together(split.images, IMAGES_PER_CHUNK)
            images = file.create_dataset(
                f"{name}/images",
                shape=split.images.shape,
                dtype=split.images.dtype,
                chunks=(min(together, len(split.images)), *split.images.shape[1:]),
                compression="lzf",
            )
            for first in range(0, len(split.images), together):
                images[first : first + together] = split.images[first : first + together]
            file.create_dataset(f"{name}/labels", data=split.labels)
            for detail, values in split.details.items():
                file.create_dataset(f"{name}/{detail}", data=values)
        if source.classes:
            file.create_dataset("classes", data=list(source.classes), dtype=h5py.string_dtype())
        file.attrs.update(standardization.as_lists())
        file.attrs.update(source=source.description, sha256=source.sha256, settings=json.dumps(settings))


def read_split(path: Path, name: str, *, lazy: bool = False) -> Split:
    """Read one split of a dataset file; raise :class:`UserError` when it is missing or malformed.

    A ``lazy`` one leaves its images in the file until they are asked for.
    """
    try:
        with open_hdf5(path) as file:
            if name not in file:
                raise UserError(f"{path} has no {name} split; choose a dataset that has one")
            eager = [key for key, values in file[name].items() if getattr(values, "ndim", 0)]
            if lazy and file[name]["images"].ndim:
                eager.remove("images")
            arrays: dict[str, Any] = {key: file[name][key][:] for key in eager}
        if lazy:
            arrays["images"] = images_in_hdf5(path, f"{name}/images")
        split = Split(arrays.pop("images"), arrays.pop("labels"), arrays)
    except UnsafeError as error:
        raise UserError(f"{path} {error}; {ADVICE}") from error
    except (OSError, KeyError, AttributeError, RuntimeError, ValueError) as error:
        # h5py raises the last three for groups where arrays should be, and for damage inside a file.
        raise UserError(f"{path} is not a dataset of this workflow ({error}); {ADVICE}") from error
    check_split(split, f"{path}, {name} split")
    return split


def read_classes(path: Path) -> list[str]:
    """Return the name of each label of a dataset file, none where the file has no names."""
    try:
        with open_hdf5(path) as file:
            return [str(name) for name in file["classes"].asstr()[:]] if "classes" in file else []
    except UnsafeError as error:
        raise UserError(f"{path} {error}; {ADVICE}") from error
    except (OSError, KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise UserError(f"{path} has no names of classes as one text for each ({error}); {ADVICE}") from error


def join_splits(parts: Sequence[Split]) -> Split:
    """Return one split of all images, in the order of the parts."""
    return Split(
        np.concatenate([part.images for part in parts]),
        np.concatenate([part.labels for part in parts]),
        {name: np.concatenate([part.details[name] for part in parts]) for name in parts[0].details},
    )


def read_standardization(path: Path) -> Standardization:
    """Return the constants that standardize the images of a dataset file, or raise :class:`UserError`."""
    try:
        with open_hdf5(path) as file:
            found = Standardization.from_mapping(file.attrs)
    except UnsafeError as error:
        raise UserError(f"{path} {error}; {ADVICE}") from error
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise UserError(f"{path} does not say how its images are standardized ({error}); {ADVICE}") from error
    if fault := found.fault():
        raise UserError(f"{path}: {fault}; {ADVICE}")
    return found
