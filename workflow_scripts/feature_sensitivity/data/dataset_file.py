"""One form for every dataset: an HDF5 file with images, labels and the constants that standardize them.

Beside the images of a split stand their digests, and as an attribute the split's identity: the hash of these digests
and of all else that the split holds. A reader checks the identity, and the digests of exactly the images that it reads.
"""

import hashlib
import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from feature_sensitivity.data.lazy_images import LazyImages, images_in_hdf5
from feature_sensitivity.data.split import Source, Split
from feature_sensitivity.data.split_check import check_split, images_together
from feature_sensitivity.data.standardization import Standardization
from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.runtime.files import sha256_of_parts, whole_file, write_whole
from feature_sensitivity.runtime.hdf5_files import UnsafeError, open_hdf5
from feature_sensitivity.runtime.identity import ADVICE, require_content

IMAGES_PER_CHUNK = 64

DIGESTS = "digests"
"""The name of the SHA-256 of each image, uint8 [n, 32]."""


def write_dataset(
    path: Path, source: Source, standardization: Standardization, *, settings: Mapping[str, Any] | None = None
) -> None:
    """Write the splits in the common form, whole or not at all, with the constants that standardize their images.

    ``settings``: what the dataset is made from, kept so that another one is not taken for it.
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
            digests = []
            for first in range(0, len(split.images), together):
                block = split.images[first : first + together]
                images[first : first + together] = block
                digests.append(digests_of(block))
            arrays = {"labels": split.labels, **split.details, DIGESTS: np.concatenate(digests)}
            for key, values in arrays.items():
                file.create_dataset(f"{name}/{key}", data=values)
            file[name].attrs["identity"] = _identity(arrays, standardization.as_lists())
        if source.classes:
            file.create_dataset("classes", data=list(source.classes), dtype=h5py.string_dtype())
        file.attrs.update(standardization.as_lists())
        file.attrs.update(source=source.description, sha256=source.sha256, settings=json.dumps(settings))


def digests_of(images: NDArray[Any]) -> NDArray[np.uint8]:
    """Return the SHA-256 of each image, uint8 [n, 32]."""
    rows = np.ascontiguousarray(images)
    digests = b"".join(hashlib.sha256(row).digest() for row in rows)
    return np.frombuffer(digests, np.uint8).reshape(len(rows), hashlib.sha256().digest_size)


def _identity(arrays: Mapping[str, NDArray[Any]], standardization: Mapping[str, Any]) -> str:
    """Return the hash of a split's arrays, the digests in place of the images, and of what standardizes them."""
    parts = [json.dumps({key: [float(number) for number in standardization[key]] for key in ("mean", "std")}).encode()]
    for name in sorted(arrays):
        values = np.ascontiguousarray(arrays[name])
        if values.dtype.kind == "O":  # texts, which HDF5 gives back as bytes
            values = np.array([text if isinstance(text, bytes) else str(text).encode() for text in values.ravel()])
        parts += [f"{name} {values.dtype} {values.shape}".encode(), values.tobytes()]
    return sha256_of_parts(parts)


def read_split(path: Path, name: str, *, lazy: bool = False, is_own: bool = True) -> Split:
    """Read one split of a dataset file; raise :class:`UserError` when it is missing, malformed, or was changed.

    A ``lazy`` one leaves its images in the file until they are asked for. ``is_own``: the file was written here and
    records digests, which are checked; a file of the user may have none, and then the split has no identity.
    """
    try:
        with open_hdf5(path) as file:
            if name not in file:
                raise UserError(f"{path} has no {name} split; choose a dataset that has one")
            group, constants = file[name], dict(file.attrs)
            eager = [key for key, values in group.items() if getattr(values, "ndim", 0) and key != "images"]
            arrays: dict[str, Any] = {key: group[key][:] for key in eager}
            images, recorded = group["images"], group.attrs.get("identity")
            if not images.ndim:
                raise ValueError("images are no array")
            in_memory = None if lazy else images[:]
        identity = ""
        if is_own:
            if DIGESTS not in arrays or recorded is None:
                raise UserError(f"{path} does not record which images it was made of; {ADVICE}")
            identity = _identity(arrays, constants)
            require_content(path, recorded, identity)
        digests = arrays.pop(DIGESTS, None)

        def check(places: NDArray[np.int64], images: NDArray[Any]) -> None:
            if is_own:
                require_content(path, digests[places].tobytes(), digests_of(images).tobytes())

        if in_memory is None:
            found: Any = images_in_hdf5(path, f"{name}/images", check)
        else:
            found = in_memory
            check(np.arange(len(found)), found)
        split = Split(found, arrays.pop("labels"), arrays, identity)
    except UnsafeError as error:
        raise UserError(f"{path} {error}; {ADVICE}") from error
    except (OSError, LookupError, AttributeError, RuntimeError, ValueError, TypeError) as error:
        # h5py raises most of them for groups where arrays should be, and for damage inside a file.
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


def require_outputs(path: Path, n_outputs: int) -> None:
    """Raise :class:`UserError` where labels are but the order of fewer folders than a network has outputs."""
    n_folders = len(read_classes(path))
    with open_hdf5(path) as file:
        settings = json.loads(file.attrs.get("settings", "null")) or {}
    if settings.get("source") == "image_folder" and not settings.get("classes") and n_folders < n_outputs:
        raise UserError(
            f"{path} was made of {n_folders} folders, whose order gives the labels, but the network has {n_outputs} "
            "outputs; write under the dataset in the config classes: {folder: number of its output, ...}"
        )


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
