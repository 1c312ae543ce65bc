"""Which features of a network are measured, where they are, their weights in its linear layer, and their cap."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from feature_sensitivity.evaluation.default_definition import Array
from feature_sensitivity.networks.classifier import Classifier
from feature_sensitivity.runtime.errors import UserError

ROUNDING = 1e-6
"""By which share of it an average of values at a cap may lie below it."""


def chosen_features(n_features: int, wanted: int | Sequence[int] | None, model: str) -> NDArray[np.int64]:
    """Return the ``wanted`` indices, those of the first ``wanted`` features, or all; UserError when there are fewer."""
    if isinstance(wanted, Sequence):
        if max(wanted) >= n_features:
            raise UserError(
                f"features lists {max(wanted)}, but {model} has {n_features} features, counted from 0; leave it out"
            )
        return np.array(wanted, np.int64)
    if wanted and wanted > n_features:
        raise UserError(
            f"features asks for {wanted}, but {model} has {n_features}; ask for at most that, or write null for all"
        )
    return np.arange(wanted or n_features)


def weight_of(network: Classifier, features: NDArray[np.int64]) -> Array:
    """Return the weights of features in the linear layer, [n_classes, n_features]; of no class without that layer."""
    linear = network.last_layer
    if linear is None:
        return np.empty((0, len(features)), np.float32)
    return linear.weight.detach().cpu().numpy()[:, features]


def share_at_cap(clean: NDArray[np.floating], cap: float) -> NDArray[np.float32]:
    """Return the share of images at which each feature has the greatest value it can have, ``cap``: [n_features].

    ``clean``: features without attack, [n_images, n_features]. Where no cap is known, it is infinite, and the share 0.
    """
    if np.isinf(cap):
        return np.zeros(clean.shape[1], np.float32)
    return np.asarray((clean >= cap - ROUNDING * abs(cap)).mean(axis=0), np.float32)


def feature_attributes(network: Classifier) -> dict[str, Any]:
    """Return where a network's features are, in words, and whether surrogate steps had another gradient there."""
    return {"feature_layer": network.feature_layer, "surrogate": int(network.has_surrogate)}
