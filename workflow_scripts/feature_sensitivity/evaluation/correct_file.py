"""The file that says which images are classified correctly at each epsilon, netCDF in HDF5, one for each model."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from feature_sensitivity.evaluation.netcdf import load_netcdf, write_netcdf

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
    """Return what was written; raise :class:`UserError` when the file is damaged or not as it was written."""
    data = load_netcdf(path, DIMENSIONS)
    arrays: dict[str, Any] = {name: data[name].values for name in DIMENSIONS}
    return CorrectFile(**{**arrays, "correct": arrays["correct"].astype(bool)}, attributes=data.attrs)
