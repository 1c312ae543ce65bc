"""Features measured at a few images, for tests on numbers that are worked out by hand."""

from typing import Any

import numpy as np

from feature_sensitivity.analysis.measured_features import MeasuredFeatures


def measured(clean: Any, *, up: Any = 0.0, down: Any = 0.0, label: Any = None, **changes: Any) -> MeasuredFeatures:
    """Features [n_images, n_features] that can rise by ``up`` and fall by ``down``; two classes, epsilon 0.5."""
    clean = np.asarray(clean, np.float64)
    maximum, minimum = clean + up, clean - down
    arguments = {
        "clean": clean,
        "maximum": maximum,
        "minimum": minimum,
        "attacked": clean,
        "attacked_from": clean,
        "gradient_norm": np.ones_like(clean),
        "label": np.zeros(len(clean), np.int64) if label is None else np.asarray(label, np.int64),
        "n_classes": 2,
        "epsilon": 0.5,
        "movement": np.maximum(maximum - clean, clean - minimum),
        "zero_gradient": np.zeros(clean.shape[1]),
        "at_cap": np.zeros(clean.shape[1]),
        "factor": np.ones(clean.shape[1]),
    }
    return MeasuredFeatures(**{**arguments, **changes})
