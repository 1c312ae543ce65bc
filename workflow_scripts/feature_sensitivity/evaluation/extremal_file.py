"""The file of a model's extremal images, netCDF in HDF5."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from feature_sensitivity.evaluation.default_definition import Array
from feature_sensitivity.evaluation.netcdf import (
    ADVICE,
    infinite_fault,
    load_netcdf,
    missing_fault,
    shape_fault,
    write_netcdf,
)
from feature_sensitivity.evaluation.sensitivity_file import SensitivityFile
from feature_sensitivity.runtime.errors import UserError

PIXELS = ("channel", "height", "width")

DIMENSIONS = {
    "feature_index": ("feature",),
    "is_most_sensitive": ("feature",),
    "image_index": ("image",),
    "label": ("image",),
    "clean": ("image", "feature"),
    "maximum": ("epsilon", "image", "feature"),
    "minimum": ("epsilon", "image", "feature"),
    "image": ("image", *PIXELS),
    "maximizing": ("epsilon", "image", "feature", *PIXELS),
    "minimizing": ("epsilon", "image", "feature", *PIXELS),
}

INTEGERS = ("feature_index", "is_most_sensitive", "image_index", "label")


@dataclass(frozen=True, kw_only=True)
class ExtremalImages:
    """What ``results/extremal/{model}.h5`` holds.

    ``image``, ``maximizing`` and ``minimizing`` are float32 pixels, 0 black and 1 white; perturbed ones may go beyond,
    unless the attack was clipped to the pixel box. ``clean``, ``maximum`` and ``minimum`` are the feature's values
    there. ``is_most_sensitive`` is 1 for the most and 0 for the least sensitive features. ``DIMENSIONS`` names the
    dimensions of each. ``classes``: the name of each image's class, where the dataset has names.
    """

    epsilon: Sequence[float]
    feature_index: NDArray[np.int64]
    is_most_sensitive: NDArray[np.int64]
    image_index: NDArray[np.int64]
    label: NDArray[np.int64]
    clean: Array
    maximum: Array
    minimum: Array
    image: Array
    maximizing: Array
    minimizing: Array
    classes: Sequence[str] = ()


def write_extremal(path: Path, images: ExtremalImages, *, attributes: Mapping[str, Any]) -> None:
    """Write the images and ``attributes``, numbers and strings, whole or not at all."""
    arrays = {name: getattr(images, name) for name in DIMENSIONS}
    if images.classes:
        attributes = {**attributes, "classes": json.dumps(list(images.classes))}
    write_netcdf(path, arrays, dimensions=DIMENSIONS, attributes={**attributes, "epsilons": _as_text(images.epsilon)})


def read_extremal(path: Path, *, measured: Sequence[SensitivityFile]) -> ExtremalImages:
    """Return a checked file; :class:`UserError` when it is damaged, or does not belong to these measurements.

    ``measured`` are those of the model, one for each epsilon.
    """
    data = load_netcdf(path)
    if fault := _fault(data):
        raise UserError(f"{path}{fault}; {ADVICE}")
    epsilons = [float(file.attributes["epsilon"]) for file in measured]
    if difference := _difference(data, measured[0], epsilons):
        raise UserError(f"{path} is of another run: {difference}; {ADVICE}")
    arrays = {name: data[name].values for name in DIMENSIONS}
    return ExtremalImages(epsilon=epsilons, classes=_classes(path, data), **arrays)


def _classes(path: Path, data: xr.Dataset) -> list[str]:
    try:
        found = json.loads(data.attrs.get("classes", "[]"))
    except (TypeError, ValueError) as error:
        raise UserError(f"{path} holds damaged names of classes ({error}); {ADVICE}") from error
    n_images = len(data["label"])
    if not isinstance(found, list) or len(found) not in (0, n_images) or not all(isinstance(n, str) for n in found):
        raise UserError(f"{path} should name the class of each of {n_images} images; {ADVICE}")
    return found


def _as_text(epsilons: Sequence[float]) -> str:
    return ", ".join(map(repr, map(float, epsilons)))


def _fault(data: xr.Dataset) -> str | None:
    if fault := missing_fault(data, DIMENSIONS):
        return fault
    sizes = dict(zip(DIMENSIONS["maximizing"], data["maximizing"].shape, strict=True))
    if fault := shape_fault(data, DIMENSIONS, sizes=sizes, integers=INTEGERS):
        return fault
    return next((fault for name in DIMENSIONS if (fault := infinite_fault(data, name))), None)


def _difference(data: xr.Dataset, measured: SensitivityFile, epsilons: Sequence[float]) -> str | None:
    expected = {name: measured.attributes[name] for name in ("model", "checkpoint_sha256")}
    for name, value in {**expected, "epsilons": _as_text(epsilons)}.items():
        if data.attrs.get(name) != value:
            return f"{name} is {data.attrs.get(name)}, expected {value}"
    for name in ("feature_index", "image_index"):
        if not np.isin(data[name].values, getattr(measured, name)).all():
            return f"{name} is {data[name].values.tolist()}, which were not all measured"
    return None
