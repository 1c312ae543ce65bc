"""The file of a sensitivity measurement, netCDF in HDF5: feature extrema, and the default sensitivity from them."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Annotated, Any

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
from feature_sensitivity.evaluation.netcdf import as_dataset, dimensions_of, read_netcdf, save_dataset


@dataclass(frozen=True)
class SensitivityFile:
    """What ``results/sens/{model}_{eps}.h5`` holds.

    Attributes:
        clean: values of the features at the images; ``maximum`` and ``minimum``: the largest and the smallest values
            found in the ball around each.
        sensitivity: in the default definition; ``sensitivity_raw``: without weights; ``standard_error``: of the first.
        weight: weights of the features in the linear layer; of no class where there is no such layer.
        image_index: which test images these are; ``label``: their classes.
        feature_index: which features of the network these are.
        zero_gradient: share of the images at which a feature has no gradient; ``at_cap``: of those at which it has the
            greatest value that it can have.
        attributes: the settings that produced it.
    """

    clean: Annotated[Array, "image", "feature"]
    maximum: Annotated[Array, "image", "feature"]
    minimum: Annotated[Array, "image", "feature"]
    sensitivity: Annotated[Array, "feature"]
    sensitivity_raw: Annotated[Array, "feature"]
    standard_error: Annotated[Array, "feature"]
    weight: Annotated[Array, "class", "feature"]
    image_index: Annotated[NDArray[np.int64], "image"]
    label: Annotated[NDArray[np.int64], "image"]
    feature_index: Annotated[NDArray[np.int64], "feature"]
    zero_gradient: Annotated[Array, "feature"]
    at_cap: Annotated[Array, "feature"]
    attributes: Mapping[str, Any]


DIMENSIONS = dimensions_of(SensitivityFile)


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

    Arguments are arrays of :class:`SensitivityFile`; ``label`` is None where classes are not known, which a file
    cannot hold, ``at_cap`` where no feature has a cap. Attributes are numbers and strings; booleans become 0 and 1,
    since netCDF has none.
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
    """Return the arrays and settings; raise :class:`UserError` when a file is damaged or not as it was written."""
    return read_netcdf(path, SensitivityFile)


def shared_images(files: Iterable[SensitivityFile]) -> NDArray[np.int64]:
    """Return the indices of the images that all files have; files that stopped early have fewer."""
    return reduce(np.intersect1d, [file.image_index for file in files])
