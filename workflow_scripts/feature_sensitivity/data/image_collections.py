"""Collections of single images, of any size: a folder for each class, a dataset of torchvision, one of Hugging Face."""

import difflib
import hashlib
import inspect
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torchvision
from numpy.typing import NDArray
from PIL import Image
from torchvision.transforms.v2 import functional as F

from feature_sensitivity.data.lazy_images import LazyImages
from feature_sensitivity.data.split import Source, Split
from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.runtime.files import sha256_of_file

BY_FOLDER = "use source: image_folder for it"

MODES = {1: "L", 3: "RGB", 4: "RGBA"}


class Fit:
    """How single images become arrays of one shape; ``resize`` and ``center_crop`` are as in the config."""

    def __init__(self, *, n_channels: int, resize: int | None, center_crop: int | None) -> None:
        self.n_channels, self.resize, self.center_crop = n_channels, resize, center_crop

    def require_channels(self) -> None:
        """Raise :class:`UserError` when image files never have as many channels."""
        if self.n_channels not in MODES:
            raise UserError(
                f"standardization.mean has {self.n_channels} numbers, but image files have 1, 3 or 4 channels; "
                "write as many, or use source: hdf5 or npz"
            )

    def __call__(self, image: Any) -> NDArray[np.uint8]:
        """Return an image as uint8 [channels, height, width]: the shorter side is resized, then the center cut out."""
        if image.mode.startswith(("I", "F")):
            raise UserError(
                f"has more than 8 bits per channel (mode {image.mode}); write 8-bit files, or use source: hdf5 or npz"
            )
        image = image.convert(MODES[self.n_channels])
        if self.resize is not None:
            image = F.resize(image, [self.resize])
        if self.center_crop is not None:
            image = F.center_crop(image, [self.center_crop])
        array = np.asarray(image)
        return np.moveaxis(array.reshape(*array.shape[:2], -1), 2, 0)


def split_of(item: Callable[[int], Any], labels: Sequence[int], fit: Fit, where: str) -> Split:
    """Return the split of the images ``item(i)``, each a PIL image, read when they are asked for.

    ``where`` names them in the message of the :class:`UserError` that is raised when there are none, and on reading one
    that is damaged or of another size than the first.
    """
    if not len(labels):
        raise UserError(f"{where} has no images; correct the path")
    fit.require_channels()

    def read_one(place: int) -> NDArray[np.uint8]:
        try:
            return fit(item(place))
        except UserError as error:
            raise UserError(f"{where}: image {place} {error}") from error
        except (OSError, Image.DecompressionBombError) as error:
            raise UserError(f"{where}: image {place} cannot be read ({error}); replace or remove it") from error

    shape = read_one(0).shape

    def read(places: NDArray[np.int64]) -> NDArray[Any]:
        rows = np.empty((len(places), *shape), np.uint8)
        for row, place in enumerate(places.tolist()):
            image = read_one(place)
            if image.shape != shape:
                raise UserError(
                    f"{where}: image {place} has {image.shape[1]} x {image.shape[2]} pixels, the first one "
                    f"{shape[1]} x {shape[2]}; write resize and center_crop, which make all of one size"
                )
            rows[row] = image
        return rows

    images: Any = LazyImages(read, (len(labels), *shape), np.uint8)
    return Split(images, np.asarray(labels, np.int64))


def _opened(path: str) -> Image.Image:
    """Return an image with the channels that its file has, where torchvision would make it RGB."""
    with Image.open(path) as image:
        image.load()
    return image


def _first(data: Any, place: int) -> Any:
    return data[place][0]


def _column(data: Any, name: str, place: int) -> Any:
    return data[place][name]


def load_image_folder(paths: Mapping[str, Path], fit: Fit) -> Source:
    """Read folders with one folder of image files for each class, whose sorted names give the labels.

    Raises :class:`UserError` when a folder is missing or has no images, or the splits have other classes.
    """
    splits, classes, digest = {}, None, hashlib.sha256()
    for name, path in paths.items():
        try:
            folder = torchvision.datasets.ImageFolder(str(path), loader=_opened)
        except (OSError, RuntimeError) as error:
            raise UserError(
                f"{path} is not a folder with a folder of images for each class ({error}); correct it"
            ) from error
        if classes is not None and folder.classes != classes:
            raise UserError(f"{path} has other classes than {next(iter(paths.values()))}; both need the same folders")
        classes = folder.classes
        splits[name] = split_of(partial(_first, folder), folder.targets, fit, str(path))
        for file, _ in folder.samples:
            digest.update(f"{Path(file).relative_to(path)} {sha256_of_file(Path(file))}\n".encode())
    return Source(splits, ", ".join(path.name for path in paths.values()), digest.hexdigest())


def load_torchvision(name: str, root: Path, *, download: bool, fit: Fit) -> Source:
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
    splits, digest = {}, hashlib.sha256()
    for split, choices in options.items():
        data = _first_that_exists(make_here, choices, f"torchvision's {name}", root)
        try:
            labels = [int(label) for label in getattr(data, "targets", getattr(data, "labels", []))]
            labels = labels or [int(data[i][1]) for i in range(len(data))]
        except (TypeError, ValueError, RuntimeError) as error:
            raise UserError(f"torchvision's {name} has no whole number as each image's label; {BY_FOLDER}") from error
        splits[split] = split_of(partial(_first, data), labels, fit, f"torchvision's {name}, {split}")
        digest.update(repr(labels).encode())
    return Source(splits, f"torchvision's {name}", digest.hexdigest())


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


def load_hugging_face(path: Path, *, image: str, label: str, fit: Fit) -> Source:
    """Read a dataset that ``save_to_disk`` wrote, with these columns; its splits are ``train`` and ``test``.

    Raises :class:`UserError` where the library ``datasets`` is not installed.
    """
    try:
        import datasets  # type: ignore[import-not-found, unused-ignore]
    except ImportError as error:
        raise UserError(
            f"{path} is a dataset of Hugging Face, which takes the library datasets; install it, or use another source"
        ) from error
    try:
        found = datasets.load_from_disk(str(path))
        parts = {name: found[name] for name in ("train", "test") if name in found}
        labels = {name: part[label] for name, part in parts.items()}
        splits = {
            name: split_of(partial(_column, part, image), labels[name], fit, f"{path}, {name}")
            for name, part in parts.items()
        }
    except (OSError, KeyError, TypeError, ValueError) as error:
        raise UserError(
            f"{path} is not a dataset with the columns {image} and {label} ({error}); write those that it has"
        ) from error
    digest = "".join(part._fingerprint for part in parts.values())
    return Source(splits, f"{path.name} (Hugging Face)", hashlib.sha256(digest.encode()).hexdigest())
