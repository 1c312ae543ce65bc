"""Collections of single images, of any size: a folder for each class, a dataset of torchvision, one of Hugging Face."""

import difflib
import hashlib
import inspect
import io
import logging
import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torchvision
from numpy.typing import NDArray
from PIL import EpsImagePlugin

from feature_sensitivity.data.class_folders import class_folders
from feature_sensitivity.data.fitting import Size
from feature_sensitivity.data.image_files import MODES, as_array, open_image
from feature_sensitivity.data.lazy_images import LazyImages
from feature_sensitivity.data.split import Source, Split
from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.runtime.files import sha256_of_file

logger = logging.getLogger(__name__)

BY_FOLDER = "use source: image_folder for it"


def split_of(
    item: Callable[[int], Any],
    labels: Sequence[int],
    *,
    size: Size,
    n_channels: int,
    where: str,
    names: Sequence[Path] | None = None,
) -> Split:
    """Return the split of the images ``item(i)``, each a Pillow image, read when they are asked for.

    ``where``, or ``names``, one for each image, say which image is at fault in the message of the :class:`UserError`
    that is raised when there are none, and on reading one that is damaged or of another size than the first.
    """
    if not len(labels):
        raise UserError(f"{where} has no images; correct the path")
    if n_channels not in MODES:
        raise UserError(
            f"standardization.mean has {n_channels} numbers, but image files have 1, 3 or 4 channels; "
            "write as many, or use source: hdf5 or npz"
        )

    def name(place: int) -> str:
        return f"{where}: image {place}" if names is None else str(names[place])

    def read_one(place: int) -> NDArray[np.uint8]:
        try:
            return as_array(item(place), size, n_channels)
        except UserError as error:
            raise UserError(f"{name(place)} {error}") from error
        except Exception as error:  # damage makes Pillow raise nearly anything
            raise UserError(f"{name(place)} cannot be read ({error}); replace or remove it") from error

    shape = read_one(0).shape

    def read(places: NDArray[np.int64]) -> NDArray[Any]:
        rows = np.empty((len(places), *shape), np.uint8)
        for row, place in enumerate(places.tolist()):
            image = read_one(place)
            if image.shape != shape:
                raise UserError(
                    f"{name(place)} has {image.shape[1]} x {image.shape[2]} pixels, the first one "
                    f"{shape[1]} x {shape[2]}; write resize and center_crop, which make all of one size"
                )
            rows[row] = image
        return rows

    images: Any = LazyImages(read, (len(labels), *shape), np.uint8)
    return Split(images, np.asarray(labels, np.int64))


def load_image_folder(
    paths: Mapping[str, Path], *, size: Size, n_channels: int, outputs: Mapping[str, int] | None = None
) -> Source:
    """Read folders with one folder of image files for each class; labels as of :func:`.class_folders`.

    Raises :class:`UserError` when a folder is missing or has no images, or the splits have other classes.
    """
    splits: dict[str, Split] = {}
    classes, digest = [""], hashlib.sha256()
    for name, path in paths.items():
        files, labels, found = class_folders(path, outputs)
        if splits and outputs is None and found != classes:
            raise UserError(f"{path} has other classes than {next(iter(paths.values()))}; both need the same folders")
        classes = max(classes, found, key=len)
        read = partial(_opened, files)
        splits[name] = split_of(read, labels, size=size, n_channels=n_channels, where=str(path), names=files)
        for file in files:
            digest.update(os.fsencode(file.relative_to(path)) + f" {sha256_of_file(file)}\n".encode())
    return Source(splits, ", ".join(path.name for path in paths.values()), digest.hexdigest(), tuple(classes))


def _opened(files: Sequence[Path], place: int) -> Any:
    return open_image(files[place])


def _first(data: Any, place: int) -> Any:
    return data[place][0]


def load_torchvision(name: str, root: Path, *, download: bool, size: Size, n_channels: int) -> Source:
    """Read a dataset of torchvision by its name, such as ``CIFAR100``, from the folder where torchvision keeps it.

    Where it has no split ``test``, its ``val`` holds the test images. Raises :class:`UserError` when there is none of
    that name, it has no training and test images or no whole number as each image's label, or ``root`` lacks it.
    """
    known = [key for key, value in vars(torchvision.datasets).items() if inspect.isclass(value)]
    if name not in known:
        near = difflib.get_close_matches(name, known, n=3) or ["CIFAR100", "SVHN", "FashionMNIST"]
        raise UserError(f"torchvision has no dataset {name!r}; write one such as {', '.join(near)}")
    make = getattr(torchvision.datasets, name)
    parameters = inspect.signature(make).parameters
    if "train" in parameters:
        options: dict[str, list[dict[str, Any]]] = {"train": [{"train": True}], "test": [{"train": False}]}
    elif "split" in parameters:
        options = {
            "train": [{"split": "train"}, {"split": "trainval"}],
            "test": [{"split": "test"}, {"split": "val"}],
        }
    else:
        raise UserError(f"torchvision's {name} has no training and test images; {BY_FOLDER}")
    make_here = partial(make, str(root), **({"download": download} if "download" in parameters else {}))
    EpsImagePlugin.gs_binary = False  # torchvision opens images of any format, and EPS would start Ghostscript
    splits: dict[str, Split] = {}
    classes: tuple[str, ...] = ()
    digest = hashlib.sha256()
    for split, choices in options.items():
        data = _first_that_exists(make_here, choices, f"torchvision's {name}", root)
        try:
            labels = [int(label) for label in getattr(data, "targets", getattr(data, "labels", []))]
            labels = labels or [int(data[i][1]) for i in range(len(data))]
        except (TypeError, ValueError, RuntimeError) as error:
            raise UserError(f"torchvision's {name} has no whole number as each image's label; {BY_FOLDER}") from error
        read, where = partial(_first, data), f"torchvision's {name}, {split}"
        splits[split] = split_of(read, labels, size=size, n_channels=n_channels, where=where)
        classes = tuple(map(str, getattr(data, "classes", ())))
        digest.update(repr(labels).encode())
    return Source(splits, f"torchvision's {name}", digest.hexdigest(), classes)


def _first_that_exists(make: Callable[..., Any], choices: Sequence[Mapping[str, Any]], name: str, root: Path) -> Any:
    """Return the dataset with the first of the choices that torchvision knows for it."""
    refused: Exception | None = None
    for chosen in choices:
        try:
            return make(**chosen)
        except (OSError, RuntimeError) as error:
            fault = str(error).splitlines()[0]
            raise UserError(f"{name} is not in {root} ({fault}); correct path, or write download: true") from error
        except (TypeError, ValueError) as error:  # an argument is missing, or no such split
            refused = error
    raise UserError(f"{name} cannot be read as training and test images ({refused}); {BY_FOLDER}")


def load_hugging_face(path: Path, *, image: str, label: str, size: Size, n_channels: int) -> Source:
    """Read a dataset that ``save_to_disk`` wrote, with these columns.

    Its split ``train`` is ours, and ``test``, or else ``validation``, holds the test images. A single split is what it
    is named, and test images without such a name.

    Raises :class:`UserError` where the library ``datasets`` is not installed.
    """
    try:
        import datasets  # type: ignore[import-not-found, unused-ignore]
    except ImportError as error:
        raise UserError(
            f"{path} is a dataset of Hugging Face, which takes the library datasets; install it, or use another source"
        ) from error
    splits: dict[str, Split] = {}
    classes: tuple[str, ...] = ()
    digest = hashlib.sha256()
    try:
        for name, part in _splits_of(datasets.load_from_disk(str(path)), path).items():
            labels = part[label]
            # Undecoded, so that Pillow is not given formats that run programs.
            pictures = part.cast_column(image, datasets.Image(decode=False))
            read, where = partial(_from_row, pictures, image), f"{path}, {name}"
            splits[name] = split_of(read, labels, size=size, n_channels=n_channels, where=where)
            classes = tuple(getattr(part.features[label], "names", None) or ())
            digest.update(part._fingerprint.encode())
    except (OSError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise UserError(
            f"{path} is not a dataset with the columns {image} and {label} ({error}); write those that it has"
        ) from error
    return Source(splits, f"{path.name} (Hugging Face)", digest.hexdigest(), classes)


def _splits_of(found: Any, path: Path) -> dict[str, Any]:
    """Return training and test images of a dataset that is one split or several by name."""
    if not isinstance(found, Mapping):
        name = "train" if str(found.split) == "train" else "test"
        logger.info("%s is a single split, %s, read as %s images", path, found.split or "without a name", name)
        return {name: found}
    test = next((name for name in ("test", "validation", "valid", "val") if name in found), None)
    splits = ({"train": found["train"]} if "train" in found else {}) | ({"test": found[test]} if test else {})
    if not splits:
        raise UserError(f"{path} has the splits {', '.join(found)}, expected train, test or validation; rename them")
    return splits


def _from_row(data: Any, column: str, place: int) -> Any:
    content = data[place][column]
    return open_image(io.BytesIO(content["bytes"]) if content["bytes"] is not None else Path(content["path"]))
