"""The file of a sensitivity measurement: feature extrema, and what is derived from them."""

import dataclasses
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from feature_sensitivity.evaluation.sensitivity import (
    DEFAULT_DEFINITION,
    DEFAULT_NORMALIZATION,
    Array,
    raw_sensitivity,
    standard_error,
    weight_factor,
)
from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.runtime.files import write_whole


@dataclass(frozen=True)
class SensitivityFile:
    """What ``results/sens/{model}_{eps}.h5`` holds; attributes are the settings that produced it."""

    clean: Array
    maximum: Array
    minimum: Array
    sensitivity: Array
    sensitivity_raw: Array
    standard_error: Array
    weight: Array
    image_index: NDArray[np.int64]
    label: NDArray[np.int64]
    feature_index: NDArray[np.int64]
    zero_gradient: Array
    attributes: Mapping[str, Any]


# The dimensions of each member, by which xarray labels them.
DIMENSIONS = {
    "clean": ("image", "feature"),
    "maximum": ("image", "feature"),
    "minimum": ("image", "feature"),
    "sensitivity": ("feature",),
    "sensitivity_raw": ("feature",),
    "standard_error": ("feature",),
    "weight": ("class", "feature"),
    "image_index": ("image",),
    "label": ("image",),
    "feature_index": ("feature",),
    "zero_gradient": ("feature",),
}

INTEGERS = ("image_index", "label", "feature_index")


def write_sensitivity(
    path: Path,
    *,
    clean: Array,
    maximum: Array,
    minimum: Array,
    zero_gradient: Array,
    weight: Array,
    image_index: NDArray[np.int64],
    label: NDArray[np.int64],
    feature_index: NDArray[np.int64],
    attributes: Mapping[str, Any],
) -> None:
    """Write the extremes and what is derived from them.

    The extremes are [n_images, n_features]; ``zero_gradient`` [n_features] is the share of images on which
    maximization had no gradient to begin with; ``weight`` is the linear layer's [n_classes, n_features].
    """
    derived = _derived(clean, maximum, minimum, weight, DEFAULT_DEFINITION, DEFAULT_NORMALIZATION)
    members: dict[str, NDArray[Any]] = {
        "clean": clean,
        "maximum": maximum,
        "minimum": minimum,
        **derived,
        "weight": weight,
        "image_index": image_index,
        "label": label,
        "feature_index": feature_index,
        "zero_gradient": zero_gradient,
    }
    sizes = {"image": len(image_index), "feature": len(feature_index), "class": len(weight)}
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        for dimension, size in sizes.items():
            # A bare dimension in netCDF-4's convention: xarray reads its name and invents no coordinate.
            scale = file.create_dataset(dimension, shape=(size,), dtype=">f4")
            scale.make_scale(f"This is a netCDF dimension but not a netCDF variable.{size:10d}")
        for name, values in members.items():
            compression = "gzip" if values.ndim == 2 else None
            dataset = file.create_dataset(name, data=values, compression=compression, shuffle=values.ndim == 2)
            for axis, dimension in enumerate(DIMENSIONS[name]):
                dataset.dims[axis].attach_scale(file[dimension])
        file.attrs.update(
            {**attributes, "definition": DEFAULT_DEFINITION, "weight_normalization": DEFAULT_NORMALIZATION}
        )
    write_whole(path, buffer.getvalue())


def rederived(file: SensitivityFile, *, definition: str, normalization: str) -> SensitivityFile:
    """The same measurement under another definition of sensitivity and normalization of weights."""
    derived = _derived(file.clean, file.maximum, file.minimum, file.weight, definition, normalization)
    attributes = {**file.attributes, "definition": definition, "weight_normalization": normalization}
    return dataclasses.replace(file, attributes=attributes, **derived)  # type: ignore[arg-type]


def read_sensitivities(paths: Iterable[str], *, definition: str, normalization: str) -> list[SensitivityFile]:
    """Several files, :func:`rederived`."""
    return [
        rederived(read_sensitivity(Path(path)), definition=definition, normalization=normalization) for path in paths
    ]


def _derived(
    clean: Array, maximum: Array, minimum: Array, weight: Array, definition: str, normalization: str
) -> dict[str, Array]:
    """The members that follow from the others."""
    raw = raw_sensitivity(clean, maximum, minimum, definition=definition)
    factor = weight_factor(weight, normalization=normalization)
    error = standard_error(clean, maximum, minimum, definition=definition)
    return {"sensitivity": raw * factor, "sensitivity_raw": raw, "standard_error": error * factor}


def read_sensitivity(path: Path) -> SensitivityFile:
    """A sensitivity file that was checked: every member there, of the right type and shape, finite, in order.

    Raises :class:`UserError` that names the first fault.
    """
    advice = "delete it and run the same command again"
    try:
        with h5py.File(path, "r") as file:
            missing = [name for name in DIMENSIONS if name not in file]
            if missing:
                raise UserError(f"{path} lacks {', '.join(missing)}; {advice}")
            members = {name: file[name][:] for name in DIMENSIONS}
            attributes = dict(file.attrs)
    except OSError as error:
        raise UserError(f"{path} cannot be read as HDF5 ({error}); {advice}") from error
    n_images, n_features = len(members["image_index"]), len(members["feature_index"])
    sizes = {"image": n_images, "feature": n_features, "class": len(members["weight"])}
    for name, values in members.items():
        expected = f"{'int64' if name in INTEGERS else 'float32'} {[sizes[d] for d in DIMENSIONS[name]]}"
        found = f"{values.dtype} {list(values.shape)}"
        if found != expected:
            raise UserError(f"{path}: {name} is {found}, expected {expected}; {advice}")
        if not np.isfinite(values).all() and (name != "standard_error" or n_images > 1):
            raise UserError(f"{path}: {name} holds {np.sum(~np.isfinite(values))} values that are not finite; {advice}")
    if attributes.get("iterate") == "best":
        disorder = (members["minimum"] > members["clean"]) | (members["clean"] > members["maximum"])
        if disorder.any():
            raise UserError(f"{path}: minimum <= clean <= maximum fails at {disorder.sum()} places; {advice}")
    return SensitivityFile(**members, attributes=attributes)
