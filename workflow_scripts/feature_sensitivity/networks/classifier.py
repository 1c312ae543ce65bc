"""What the workflow asks of a network."""

import math
from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor, nn


class Classifier(nn.Module):
    """What the workflow asks of a network: penultimate features, and a linear layer ``fc`` on top of them."""

    fc: nn.Linear
    feature_minimum = -math.inf
    """A value below which no feature can fall, whatever the input."""

    @staticmethod
    def arguments_from(weights: Mapping[str, Tensor]) -> dict[str, int]:
        """Return the constructor's arguments for a network with these weights; KeyError or ValueError if none fit."""
        raise NotImplementedError

    def features(self, x: Tensor, *, surrogate_relu: bool | Tensor = False) -> Tensor:
        """Return penultimate features [n, n_features] of standardized images [n, channels, height, width].

        With ``surrogate_relu``, in all rows or in those of a mask, bool [n], the gradient passes through the last
        ReLU, if there is one, as through the identity (Ilyas et al. 2019); the values stay the same.
        """
        raise NotImplementedError

    def selected_features(self, x: Tensor, index: Tensor, *, surrogate_relu: bool | Tensor = False) -> Tensor:
        """Return ``features(x)[i, index[i]]`` for each row i, as [n]; a network may have a faster way."""
        rows = torch.arange(len(x), device=x.device)
        return self.features(x, surrogate_relu=surrogate_relu)[rows, index]

    def forward(self, x: Tensor) -> Tensor:
        """Return logits [n, n_classes]."""
        return cast("Tensor", self.fc(self.features(x)))
