"""The file of features at attacked images, netCDF in HDF5, one for each model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from feature_sensitivity.config.measurement import AccuracySettings, SensitivitySettings
from feature_sensitivity.evaluation.netcdf import load_netcdf, write_netcdf

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
        **features.place(),
        "features": features.features or "all",
    }


def write_attacked(path: Path, file: AttackedFile) -> None:
    """Write the arrays and attributes, whole or not at all."""
    arrays = {name: getattr(file, name) for name in DIMENSIONS}
    write_netcdf(path, arrays, dimensions=DIMENSIONS, attributes=file.attributes)


def read_attacked(path: Path) -> AttackedFile:
    """Return the arrays and attributes; raise :class:`UserError` when a file is damaged or not as it was written."""
    data = load_netcdf(path, DIMENSIONS)
    arrays: dict[str, Any] = {name: data[name].values for name in DIMENSIONS}
    return AttackedFile(**arrays, attributes=data.attrs)
