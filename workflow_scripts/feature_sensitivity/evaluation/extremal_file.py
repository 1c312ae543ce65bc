"""The file of a model's extremal images, netCDF in HDF5."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import numpy as np
from numpy.typing import NDArray

from feature_sensitivity.evaluation.default_definition import Array
from feature_sensitivity.evaluation.netcdf import dimensions_of, load_netcdf, write_netcdf
from feature_sensitivity.evaluation.sensitivity_file import SensitivityFile
from feature_sensitivity.runtime.identity import CONTENT, require_identity


@dataclass(frozen=True, kw_only=True)
class ExtremalImages:
    """What ``results/extremal/{model}.h5`` holds.

    ``image``, ``maximizing`` and ``minimizing`` are float32 pixels, 0 black and 1 white; perturbed ones may go beyond,
    unless the attack was clipped to the pixel box. ``clean``, ``maximum`` and ``minimum`` are the feature's values
    there. ``is_most_sensitive`` is 1 for the most and 0 for the least sensitive features. ``classes``: the name of each
    image's class, where the dataset has names.
    """

    epsilon: Sequence[float]
    feature_index: Annotated[NDArray[np.int64], "feature"]
    is_most_sensitive: Annotated[NDArray[np.int64], "feature"]
    image_index: Annotated[NDArray[np.int64], "image"]
    label: Annotated[NDArray[np.int64], "image"]
    clean: Annotated[Array, "image", "feature"]
    maximum: Annotated[Array, "epsilon", "image", "feature"]
    minimum: Annotated[Array, "epsilon", "image", "feature"]
    image: Annotated[Array, "image", "channel", "height", "width"]
    maximizing: Annotated[Array, "epsilon", "image", "feature", "channel", "height", "width"]
    minimizing: Annotated[Array, "epsilon", "image", "feature", "channel", "height", "width"]
    classes: Sequence[str] = ()


def write_extremal(path: Path, images: ExtremalImages, *, measured: Sequence[SensitivityFile]) -> None:
    """Write the images, and of which measurements they are, one for each epsilon; whole or not at all."""
    classes = {"classes": json.dumps(list(images.classes))} if images.classes else {}
    write_netcdf(path, images, attributes={**_made_from(measured), **classes})


def read_extremal(path: Path, *, measured: Sequence[SensitivityFile]) -> ExtremalImages:
    """Return the images of these measurements of a model, one for each epsilon.

    Raises :class:`UserError` when the file is damaged, not as it was written, or of other measurements.
    """
    dimensions = dimensions_of(ExtremalImages)
    data = load_netcdf(path, dimensions)
    require_identity(path, data.attrs, _made_from(measured))
    epsilons = [float(file.attributes["epsilon"]) for file in measured]
    arrays = {name: data[name].values for name in dimensions}
    return ExtremalImages(epsilon=epsilons, classes=json.loads(data.attrs.get("classes", "[]")), **arrays)


def _made_from(measured: Sequence[SensitivityFile]) -> dict[str, str]:
    """Return the model, the epsilons, and the hashes of the network and of the measurements."""
    first = measured[0].attributes
    return {
        "model": first["model"],
        "checkpoint_sha256": first["checkpoint_sha256"],
        "epsilons": ", ".join(repr(float(file.attributes["epsilon"])) for file in measured),
        "sensitivity_sha256": ", ".join(file.attributes[CONTENT] for file in measured),
    }
