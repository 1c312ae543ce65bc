"""The file of features at attacked images, netCDF in HDF5, one for each model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from feature_sensitivity.config.measurement import AccuracySettings, SensitivitySettings
from feature_sensitivity.config.units import exact
from feature_sensitivity.evaluation.netcdf import (
    ADVICE,
    infinite_fault,
    load_netcdf,
    missing_fault,
    shape_fault,
    write_netcdf,
)
from feature_sensitivity.runtime.errors import UserError

DIMENSIONS = {
    "clean": ("image", "feature"),
    "attacked": ("epsilon", "image", "feature"),
    "gradient_norm": ("image", "feature"),
    "margin": ("image",),
    "clean_prediction": ("image",),
    "attacked_prediction": ("epsilon", "image"),
    "label": ("image",),
    "image_index": ("image",),
    "feature_index": ("feature",),
}

INTEGERS = ("clean_prediction", "attacked_prediction", "label", "image_index", "feature_index")


@dataclass(frozen=True, kw_only=True)
class AttackedFile:
    """What ``results/attacked/{model}.h5`` holds.

    Arrays as in :class:`.attacked_features.AttackedFeatures`, and ``label``, ``image_index`` [n_images] and
    ``feature_index`` [n_features]; attributes are the settings that produced them.
    """

    clean: NDArray[np.float32]
    attacked: NDArray[np.float32]
    gradient_norm: NDArray[np.float32]
    margin: NDArray[np.float32]
    clean_prediction: NDArray[np.int64]
    attacked_prediction: NDArray[np.int64]
    label: NDArray[np.int64]
    image_index: NDArray[np.int64]
    feature_index: NDArray[np.int64]
    attributes: Mapping[str, Any]


def attacked_attributes(
    *, epsilons: Sequence[str], attack: AccuracySettings, features: SensitivitySettings
) -> dict[str, Any]:
    """Return the settings that the file must record: epsilons, attack, place of the features."""
    return {
        **attack.attributes(),
        "epsilons": ", ".join(epsilons),
        "relative_step_size": float(exact(attack.relative_step_size)),
        **features.place(),
    }


def write_attacked(path: Path, file: AttackedFile) -> None:
    """Write the arrays and attributes, whole or not at all."""
    arrays = {name: getattr(file, name) for name in DIMENSIONS}
    write_netcdf(path, arrays, dimensions=DIMENSIONS, attributes=file.attributes)


def read_attacked(path: Path) -> AttackedFile:
    """Return a checked file: each array there, of the right type and shape, and finite.

    Raises:
        UserError: names the first fault.
    """
    data = load_netcdf(path)
    if fault := _fault(data):
        raise UserError(f"{path}{fault}; {ADVICE}")
    arrays: dict[str, Any] = {name: data[name].values for name in DIMENSIONS}
    return AttackedFile(**arrays, attributes=data.attrs)


def _fault(data: xr.Dataset) -> str | None:
    if fault := missing_fault(data, DIMENSIONS):
        return fault
    sizes = {"image": data["image_index"].size, "feature": data["feature_index"].size, "epsilon": len(data["attacked"])}
    if fault := shape_fault(data, DIMENSIONS, sizes=sizes, integers=INTEGERS):
        return fault
    for name in DIMENSIONS:
        if fault := infinite_fault(data, name):
            return fault
    for name in ("gradient_norm", "margin"):
        if (data[name].values < 0).any():
            return f": {name} is negative somewhere, which it cannot be"
    if len(np.unique(data["image_index"].values)) < sizes["image"]:
        return ": image_index names an image twice"
    return None
