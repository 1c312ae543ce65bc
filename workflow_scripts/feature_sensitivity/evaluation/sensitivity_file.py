"""The file of a sensitivity measurement, netCDF in HDF5: feature extrema, and the default sensitivity from them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from feature_sensitivity.evaluation.default_definition import (
    DEFAULT_DEFINITION,
    DEFAULT_NORMALIZATION,
    Array,
    derived_arrays,
    max_abs_movement,
    max_abs_weight,
)
from feature_sensitivity.evaluation.netcdf import as_dataset, load_netcdf, save_dataset

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
    "at_cap": ("feature",),
}


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
    at_cap: Array
    attributes: Mapping[str, Any]


def sensitivity_dataset(
    *,
    clean: Array,
    maximum: Array,
    minimum: Array,
    zero_gradient: Array,
    at_cap: Array | None = None,
    weight: Array,
    image_index: NDArray[np.int64],
    label: NDArray[np.int64] | None,
    feature_index: NDArray[np.int64],
    attributes: Mapping[str, Any],
) -> xr.Dataset:
    """Return the feature extrema and the default sensitivity derived from them, with named dimensions.

    Args:
        clean: values of the features at the images, [n_images, n_features]; ``maximum`` and ``minimum`` likewise.
        maximum: largest values found in the ball around each image.
        minimum: smallest values found there.
        zero_gradient: share of the images at which a feature has no gradient, [n_features].
        at_cap: share of the images at which it has the greatest value that it can have, [n_features]; None: at none.
        weight: weights of the features in the linear layer, [n_classes, n_features]; [0, n_features] where none is.
        image_index: which test images these are, [n_images].
        label: their classes, [n_images]; None where they are not known, which a file cannot hold.
        feature_index: which features of the network these are, [n_features].
        attributes: numbers and strings; booleans become 0 and 1, since netCDF has none.
    """
    arrays: dict[str, NDArray[Any] | None] = {
        "clean": clean,
        "maximum": maximum,
        "minimum": minimum,
        **derived_arrays(max_abs_movement(clean, maximum, minimum), max_abs_weight(weight)),
        "weight": weight,
        "image_index": image_index,
        "label": label,
        "feature_index": feature_index,
        "zero_gradient": zero_gradient,
        "at_cap": np.zeros_like(zero_gradient) if at_cap is None else at_cap,
    }
    normalization = DEFAULT_NORMALIZATION if len(weight) else "none"
    settings = {**attributes, "definition": DEFAULT_DEFINITION, "weight_normalization": normalization}
    present = {name: values for name, values in arrays.items() if values is not None}
    return as_dataset(present, dimensions=DIMENSIONS, attributes=settings)


def write_sensitivity(path: Path, **contents: Any) -> None:
    """Write what :func:`sensitivity_dataset` makes of the same arguments, whole or not at all."""
    save_dataset(path, sensitivity_dataset(**contents))


def read_sensitivity(path: Path) -> SensitivityFile:
    """Return the arrays and settings of :func:`load_sensitivity`."""
    data = load_sensitivity(path)
    arrays: dict[str, Any] = {name: data[name].values for name in DIMENSIONS}
    return SensitivityFile(**arrays, attributes=data.attrs)


def load_sensitivity(path: Path) -> xr.Dataset:
    """Return a sensitivity file; raise :class:`UserError` when it is damaged or not as it was written."""
    return load_netcdf(path, DIMENSIONS)


def shared_images(files: Iterable[SensitivityFile]) -> NDArray[np.int64]:
    """Return the indices of the images that all files have; files that stopped early have fewer."""
    return reduce(np.intersect1d, [file.image_index for file in files])
