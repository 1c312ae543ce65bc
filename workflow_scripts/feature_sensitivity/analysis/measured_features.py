"""All that was measured of a model's features at one epsilon, as the measures take it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from feature_sensitivity.evaluation.attacked_file import AttackedFile
from feature_sensitivity.evaluation.sensitivity import DEFINITIONS, weight_factor
from feature_sensitivity.evaluation.sensitivity_file import SensitivityFile

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class MeasuredFeatures:
    """Features of the same images without attack, at their extremes, and where the attack on the classifier ends.

    Attributes:
        clean: without attack, [n_images, n_features].
        maximum: largest values found in the ball; ``minimum`` likewise, the smallest.
        attacked: where the attack on the classifier ends; ``attacked_from`` are the clean values computed beside
            them, which may differ from ``clean`` by rounding.
        gradient_norm: dual norms of the gradients at the images.
        label: classes of the images, int64 [n_images].
        n_classes: how many classes there are.
        epsilon: radius of the ball.
        movement: in the definition of sensitivity that the config names, without weights.
        zero_gradient: share of the images at which the attack could not begin to raise it, [n_features].
        at_cap: share of the images at which it has the greatest value that it can have, [n_features].
        factor: weight of each feature in the normalization that the config names, [n_features].
    """

    clean: Floats
    maximum: Floats
    minimum: Floats
    attacked: Floats
    attacked_from: Floats
    gradient_norm: Floats
    label: NDArray[np.int64]
    n_classes: int
    epsilon: float
    movement: Floats
    zero_gradient: Floats
    at_cap: Floats
    factor: Floats

    @cached_property
    def largest_movement(self) -> Floats:
        """The larger of the two movements at each image, whatever the definition of sensitivity."""
        return np.maximum(self.maximum - self.clean, self.clean - self.minimum)

    def class_means(self, values: Floats) -> Floats:
        """Return the mean of values [n_images, n_features] over the images of each class, [n_classes, n_features].

        NaN for a class without images.
        """
        belongs = self.label == np.arange(self.n_classes)[:, None]
        counts = np.bincount(self.label, minlength=self.n_classes)[:, None]
        with np.errstate(invalid="ignore"):
            return np.asarray(belongs.astype(np.float64) @ values / counts)


Measure = Callable[[MeasuredFeatures], Floats]
"""Returns [n_features]; a measure of each class, whose name begins with ``class_``, [n_classes, n_features]."""


def from_files(
    file: SensitivityFile, attacked: AttackedFile, *, epsilon: int, definition: str, normalization: str
) -> MeasuredFeatures:
    """Return what both files know of the images of the first, the extremes, which are among those of the second.

    ``epsilon`` is the place of the file's epsilon among those of ``attacked``, the features at attacked images.
    """
    rows = {index: row for row, index in enumerate(attacked.image_index.tolist())}
    images = [rows[index] for index in file.image_index.tolist()]
    movement = DEFINITIONS[definition](file.clean, file.maximum, file.minimum)
    arrays: Mapping[str, NDArray[Any]] = {
        "clean": file.clean,
        "maximum": file.maximum,
        "minimum": file.minimum,
        "attacked": attacked.attacked[epsilon, images],
        "attacked_from": attacked.clean[images],
        "gradient_norm": attacked.gradient_norm[images],
        "movement": movement,
        "zero_gradient": file.zero_gradient,
        "at_cap": file.at_cap,
        "factor": weight_factor(file.weight, normalization=normalization),
    }
    return MeasuredFeatures(
        **{name: values.astype(np.float64) for name, values in arrays.items()},
        label=file.label,
        n_classes=len(file.weight) or int(file.label.max()) + 1,
        epsilon=float(file.attributes["epsilon"]),
    )
