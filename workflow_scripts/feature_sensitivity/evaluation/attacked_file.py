"""The file of features at attacked images, netCDF in HDF5, one for each model."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray

from feature_sensitivity.config.measurement import AccuracySettings, SensitivitySettings
from feature_sensitivity.evaluation.default_definition import Array


@dataclass(frozen=True, kw_only=True)
class AttackedFile:
    """What an attack on the classifier does to features, as ``results/attacked/{model}.h5`` holds it.

    Attributes:
        clean: features of the images.
        attacked: features of the attacked images.
        gradient_norm: dual norms of the features' gradients at the images.
        margin: the difference between the two largest logits of each image; 0 of a single logit.
        clean_prediction: the class of each image.
        attacked_prediction: the class of each attacked image.
        label: their true classes.
        image_index: each image's index in its dataset.
        feature_index: indices of the features.
        attributes: settings that produced the arrays.
    """

    clean: Annotated[Array, "image", "feature"]
    attacked: Annotated[Array, "epsilon", "image", "feature"]
    gradient_norm: Annotated[Array, "image", "feature"]
    margin: Annotated[Array, "image"]
    clean_prediction: Annotated[NDArray[np.int64], "image"]
    attacked_prediction: Annotated[NDArray[np.int64], "epsilon", "image"]
    label: Annotated[NDArray[np.int64], "image"]
    image_index: Annotated[NDArray[np.int64], "image"]
    feature_index: Annotated[NDArray[np.int64], "feature"]
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
