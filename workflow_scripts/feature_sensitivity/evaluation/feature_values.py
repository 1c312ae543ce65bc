"""The features of images, a batch at a time."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from feature_sensitivity.networks.classifier import Classifier
from feature_sensitivity.runtime.errors import UserError

ROUNDING = 1e-6
"""By which share of it an average of values at a cap may lie below it."""


def share_at_cap(clean: NDArray[np.floating], cap: float) -> NDArray[np.float32]:
    """Return the share of images at which each feature has the greatest value it can have, ``cap``: [n_features].

    ``clean``: features without attack, [n_images, n_features]. Where no cap is known, it is infinite, and the share 0.
    """
    return np.asarray((clean >= cap - ROUNDING * abs(cap)).mean(axis=0), np.float32)


def feature_attributes(network: Classifier) -> dict[str, Any]:
    """Return where a network's features are, in words, and whether surrogate steps had another gradient there."""
    return {"features": network.feature_layer, "surrogate": int(network.has_surrogate)}


@torch.no_grad()
def feature_values(network: Classifier, x: Tensor, features: Tensor, batch_size: int) -> Tensor:
    """Return the features with these indices, int64 [n_features], of all images: [n_images, n_features].

    ``x``: images [n_images, channels, height, width]. The last batch is filled up, so that all have the same shape.

    Raises :class:`UserError` when features are not finite.
    """
    rows = []
    for images in x.split(batch_size):
        padded = torch.cat([images, x[:1].expand(batch_size - len(images), -1, -1, -1)])
        rows.append(network.features(padded)[: len(images), features])
    clean = torch.cat(rows)
    if not bool(clean.isfinite().all()):
        raise UserError(
            "the network gives features that are not finite, so its weights or the images are broken; "
            "delete its checkpoint and run the same command again, or give it other weights"
        )
    return clean
