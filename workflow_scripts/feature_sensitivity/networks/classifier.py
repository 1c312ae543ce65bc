"""What the workflow asks of a network."""

import math
from typing import cast

import torch
from torch import Tensor, nn

from feature_sensitivity.runtime.errors import UserError


class Classifier(nn.Module):
    """What the workflow asks of a network: features of images, and logits from a linear layer on top of them.

    Built-in networks are classifiers by themselves; :class:`.measured.MeasuredNetwork` makes one of any other.
    """

    feature_minimum = -math.inf
    """A value below which no feature can fall, whatever the input."""

    feature_maximum = math.inf
    """A value above which no feature can rise, as the cap of a ReLU6."""

    memory_format: torch.memory_format = torch.channels_last
    """How images are laid out in memory; not every network works with every layout."""

    has_surrogate = False
    """Whether a gradient can pass through the last ReLU as through the identity."""

    origin = ""
    """What identifies the user's code that computes this network."""

    @property
    def feature_layer(self) -> str:
        """Where the features are, in words."""
        return "penultimate features"

    @property
    def last_layer(self) -> nn.Linear | None:
        """The linear layer whose inputs the features are, if there is one."""
        return cast("nn.Linear", self.fc)

    @property
    def n_features(self) -> int:
        """How many features there are."""
        return cast("nn.Linear", self.last_layer).in_features

    def features(self, x: Tensor, *, surrogate_relu: bool | Tensor = False) -> Tensor:
        """Return features [n, n_features] of standardized images [n, channels, height, width].

        With ``surrogate_relu``, in all rows or in those of a mask, bool [n], the gradient passes through the last
        ReLU, where ``has_surrogate``, as through the identity (Ilyas et al. 2019); the values stay the same.
        """
        raise NotImplementedError

    def selected_features(self, x: Tensor, index: Tensor, *, surrogate_relu: bool | Tensor = False) -> Tensor:
        """Return ``features(x)[i, index[i]]`` for each row i, as [n]; a network may have a faster way."""
        rows = torch.arange(len(x), device=x.device)
        return self.features(x, surrogate_relu=surrogate_relu)[rows, index]

    def forward(self, x: Tensor) -> Tensor:
        """Return logits [n, n_classes]."""
        return cast("Tensor", cast("nn.Linear", self.last_layer)(self.features(x)))


def require_last_layer(network: Classifier) -> nn.Linear:
    """Return the linear layer whose inputs the features are; :class:`UserError` where there is none.

    One without a bias gets one of zeros, which changes no logit.
    """
    layer = network.last_layer
    if layer is None:
        raise UserError(
            "this needs a linear layer directly behind the features, which the network does not have there; "
            "leave this study out for it, or write layer: null"
        )
    if layer.bias is None:
        layer.bias = nn.Parameter(layer.weight.new_zeros(layer.out_features))
    return layer
