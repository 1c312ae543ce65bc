"""A folder with a folder of image files for each class: which images there are, and what their labels mean."""

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from feature_sensitivity.data.image_files import SUFFIXES
from feature_sensitivity.runtime.errors import UserError, printable

logger = logging.getLogger(__name__)

OF_PROGRAMS = ("__MACOSX", "@eaDir", "lost+found", "__pycache__")
TRAINING, TESTING = {"train", "training"}, {"test", "val", "valid", "validation"}
MOST_SKIPPED = 100_000
LARGEST_FILE = 500_000_000


class ClassFolders(NamedTuple):
    """Image files, the label of each, and the names of the classes by their label, empty where a label has none."""

    files: list[Path]
    labels: list[int]
    classes: list[str]


def class_folders(path: Path, outputs: Mapping[str, int] | None) -> ClassFolders:
    """Return the images of the folders in ``path``, class by class.

    The sorted names of the folders give the labels 0, 1, ...; numbers are sorted as numbers. ``outputs`` gives each
    folder's label instead. Each folder is read once, wherever links lead. Hidden files and folders and those that are
    no images are skipped with a warning.

    Raises :class:`UserError` where the folders cannot be the classes.
    """
    where, real = printable(path), Path(os.path.realpath(path))
    if not real.is_dir():
        raise UserError(f"{where} is not a folder; name one with a folder of images for each class")
    if real.parts[1:2] and real.parts[1] in ("proc", "sys", "dev"):
        raise UserError(f"{where} is a folder of the operating system; name one with a folder of images for each class")
    try:
        found, skipped = _walk(path, real)
    except OSError as error:
        raise UserError(f"{where} cannot be read ({error}); correct its permissions and links") from error
    names = sorted(found, key=lambda name: (int(name), name)) if all(map(_is_number, found)) else sorted(found)
    _check_names(path, names, outputs)
    for name in names:
        if not found[name]:
            raise UserError(f"{path / name} has no image files ({', '.join(SUFFIXES)}); fill or remove that folder")
    if skipped:
        logger.warning(
            "%s: %d files and folders that are hidden, read already or no images are skipped, such as %s",
            where,
            len(skipped),
            printable(skipped[0]),
        )
    by_name = dict(zip(names, range(len(names)), strict=True)) if outputs is None else outputs
    classes = [""] * (max(by_name[name] for name in names) + 1)
    for name in names:
        label = by_name[name]
        classes[label] = f"{classes[label]}, {printable(name)}" if classes[label] else printable(name)
    shown = [f"{label} {name}" for label, name in enumerate(classes) if name]
    logger.info("%s: the labels are %s%s", where, ", ".join(shown[:100]), ", ..." if len(shown) > 100 else "")
    files = [file for name in names for file in found[name]]
    return ClassFolders(files, [by_name[name] for name in names for _ in found[name]], classes)


def _is_number(name: str) -> bool:
    return name.isascii() and name.isdecimal()


def _check_names(path: Path, names: Sequence[str], outputs: Mapping[str, int] | None) -> None:
    """Raise :class:`UserError` where the names are not those of classes."""
    if not names:
        raise UserError(f"{path} has no folders; it should have a folder of images for each class")
    if outputs is not None:
        if missing := [name for name in names if name not in outputs]:
            raise UserError(
                f"{path} has the folders {', '.join(missing[:5])}, to which classes in the config gives no number of "
                "an output; add them, or remove the folders"
            )
        return
    lower = {name.lower() for name in names}
    if lower <= TRAINING | TESTING or (lower & TRAINING and lower & TESTING):
        raise UserError(
            f"{path} has the folders {', '.join(names[:5])}, which are splits rather than classes; name one of them as "
            "train or as test"
        )
    if len(names) == 1 and (path / "val_annotations.txt").exists():
        raise UserError(
            f"{path} has its labels in val_annotations.txt; move each image into a folder with the name of its class"
        )
    if len(names) == 1:
        raise UserError(
            f"{path} has a single folder, {names[0]}, so that all labels were equal; name a folder with a folder for "
            f"each class, or write classes: {{{names[0]}: number of the network's output}}"
        )


def _walk(path: Path, real: Path) -> tuple[dict[str, list[Path]], list[Path]]:
    """Return the image files below each folder in ``path``, and what was skipped."""
    # A link to a folder above would count images twice, or those of other splits.
    seen = {_identity(folder) for folder in (real, *real.parents)}
    skipped: list[Path] = []
    classes, loose = _entries(path, seen, skipped)
    skipped += loose
    found = {}
    for top in classes:
        files, folders = [], [top]
        while folders:
            further, images = _entries(folders.pop(), seen, skipped)
            folders += further
            files += images
        found[top.name] = sorted(files, key=lambda file: (str(file.parent), file.name))
    return found, skipped


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


def _entries(folder: Path, seen: set[tuple[int, int]], skipped: list[Path]) -> tuple[list[Path], list[Path]]:
    """Return the folders, marked as seen, and the image files in a folder; the rest is added to ``skipped``."""
    folders, images = [], []
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith(".") or entry.name in OF_PROGRAMS:
            skipped.append(entry)
        elif entry.is_dir():
            if (identity := _identity(entry)) in seen:
                skipped.append(entry)
            else:
                seen.add(identity)
                folders.append(entry)
        elif entry.suffix.lower() in SUFFIXES:
            if not entry.is_file():
                raise UserError(f"{entry} is no file that can be read (a pipe, a device or a broken link); remove it")
            if entry.stat().st_size > LARGEST_FILE:
                raise UserError(f"{entry} has more than {LARGEST_FILE / 1e6:g} MB, far more than an image; remove it")
            images.append(entry)
        else:
            skipped.append(entry)
        if len(skipped) > MOST_SKIPPED:
            raise UserError(
                f"{folder} and those beside it have more than {MOST_SKIPPED:,} other files than images; "
                "name a folder of images alone"
            )
    return folders, images
