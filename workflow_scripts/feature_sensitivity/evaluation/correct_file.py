"""The file that says which images are classified correctly at each epsilon, netCDF in HDF5, one for each model."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from feature_sensitivity.evaluation.netcdf import read_netcdf


@dataclass(frozen=True, kw_only=True)
class CorrectFile:
    """What ``results/accuracy/{model}.correct.h5`` holds.

    ``correct``: at epsilon 0 and at every epsilon in ascending order of the table's rows. ``label``, ``image_index``:
    classes of the images and which test images they are. ``attributes``: the settings that produced them.
    """

    correct: Annotated[NDArray[np.bool_], "epsilon", "image"]
    label: Annotated[NDArray[np.int64], "image"]
    image_index: Annotated[NDArray[np.int64], "image"]
    attributes: Mapping[str, Any]


def read_correct(path: Path) -> CorrectFile:
    """Return what was written; raise :class:`UserError` when the file is damaged or not as it was written."""
    file = read_netcdf(path, CorrectFile)
    return replace(file, correct=file.correct.astype(bool))
