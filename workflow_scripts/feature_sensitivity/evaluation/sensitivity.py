"""Sensitivity of features (Hu et al. 2022, Definition 2), in every definition, from the stored feature extrema."""

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np

from feature_sensitivity.evaluation.default_definition import (
    Array,
    derived_arrays,
    max_abs_movement,
    max_abs_weight,
)
from feature_sensitivity.evaluation.sensitivity_file import SensitivityFile

DEFINITIONS: Mapping[str, Callable[[Array, Array, Array], Array]] = {
    "max_abs": max_abs_movement,
    "range": lambda clean, maximum, minimum: maximum - minimum,
}
"""How far a feature moves at an image: of (clean, maximum, minimum), each [n_images, n_features]."""

WEIGHT_NORMALIZATIONS: Mapping[str, Callable[[Array], Array]] = {
    "max_abs": max_abs_weight,
    "l1": lambda weight: np.abs(weight).sum(axis=0),
    "l2": lambda weight: np.sqrt((weight.astype(np.float64) ** 2).sum(axis=0)),
    "range": lambda weight: weight.max(axis=0) - weight.min(axis=0),
    "none": lambda weight: np.ones(weight.shape[1], weight.dtype),
}
"""The weights of the linear layer, [n_classes, n_features], reduced to one factor for each feature."""


def weight_factor(weight: Array, *, normalization: str) -> Array:
    """Return how much each feature counts in the linear layer, float32 [n_features]; 1 without such a layer."""
    if len(weight) == 0:
        return np.ones(weight.shape[1], np.float32)
    return WEIGHT_NORMALIZATIONS[normalization](weight).astype(np.float32)


def rederived(file: SensitivityFile, *, definition: str, normalization: str) -> SensitivityFile:
    """Return the same measurement in another definition of sensitivity and normalization of weights."""
    movement = DEFINITIONS[definition](file.clean, file.maximum, file.minimum)
    arrays = derived_arrays(movement, weight_factor(file.weight, normalization=normalization))
    used = normalization if len(file.weight) else "none"
    attributes = {**file.attributes, "definition": definition, "weight_normalization": used}
    return dataclasses.replace(file, attributes=attributes, **arrays)  # type: ignore[arg-type]
