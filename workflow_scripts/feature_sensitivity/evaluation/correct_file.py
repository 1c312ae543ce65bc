"""The file that says which images are classified correctly at each epsilon, netCDF in HDF5, one for each model."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from feature_sensitivity.evaluation.netcdf import ADVICE, load_netcdf, missing_fault, shape_fault, write_netcdf
from feature_sensitivity.runtime.errors import UserError

DIMENSIONS = {"correct": ("epsilon", "image"), "label": ("image",), "image_index": ("image",)}


@dataclass(frozen=True, kw_only=True)
class CorrectFile:
    """What ``results/accuracy/{model}.correct.h5`` holds.

    ``correct``: at epsilon 0 and at every epsilon in ascending order of the table's rows, bool [n_epsilons, n_images].
    ``label``, ``image_index``: classes of the images and which test images they are, [n_images]. ``attributes``: the
    settings that produced them.
    """

    correct: NDArray[np.bool_]
    label: NDArray[np.int64]
    image_index: NDArray[np.int64]
    attributes: Mapping[str, Any]


def write_correct(path: Path, file: CorrectFile) -> None:
    """Write the arrays and attributes, whole or not at all."""
    arrays = {name: getattr(file, name).astype(np.int64) for name in DIMENSIONS}
    write_netcdf(path, arrays, dimensions=DIMENSIONS, attributes=file.attributes)


def read_correct(path: Path) -> CorrectFile:
    """Return a checked file; raise :class:`UserError`, which names the first fault."""
    data = load_netcdf(path)
    fault = missing_fault(data, DIMENSIONS)
    if not fault:
        sizes = {"image": data["image_index"].size, "epsilon": len(data["correct"])}
        fault = shape_fault(data, DIMENSIONS, sizes=sizes, integers=list(DIMENSIONS))
    if not fault and not np.isin(data["correct"].values, (0, 1)).all():
        fault = ": correct holds other numbers than 0 and 1"
    if not fault and len(np.unique(data["image_index"].values)) < data["image_index"].size:
        fault = ": image_index names an image twice"
    if fault:
        raise UserError(f"{path}{fault}; {ADVICE}")
    arrays: dict[str, Any] = {name: data[name].values for name in DIMENSIONS}
    return CorrectFile(**{**arrays, "correct": arrays["correct"].astype(bool)}, attributes=data.attrs)
