"""Normalization inside a network: constants in front of it, kept with it."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from feature_sensitivity.networks.classifier import Classifier


class NormalizedClassifier(Classifier):
    """A classifier of pixels in [0, 1], which it normalizes by itself: (pixel - mean) / std, per channel."""

    mean: Tensor
    std: Tensor

    def __init__(self, classifier: Classifier, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.classifier = classifier
        self.memory_format = classifier.memory_format
        self.feature_minimum, self.feature_maximum = classifier.feature_minimum, classifier.feature_maximum
        self.has_surrogate = classifier.has_surrogate
        self.origin = classifier.origin
        self.register_buffer("mean", torch.tensor(mean).reshape(-1, 1, 1))
        self.register_buffer("std", torch.tensor(std).reshape(-1, 1, 1))

    @property
    def feature_layer(self) -> str:
        """Where the features are, in words."""
        return self.classifier.feature_layer

    @property
    def last_layer(self) -> nn.Linear | None:
        """The linear layer whose inputs the features are, if there is one."""
        return self.classifier.last_layer

    @property
    def n_features(self) -> int:
        """How many features there are."""
        return self.classifier.n_features

    def features(self, x: Tensor, *, surrogate_relu: bool | Tensor = False) -> Tensor:
        """Return features [n, n_features] of pixels [n, channels, height, width]."""
        return self.classifier.features(self._normalized(x), surrogate_relu=surrogate_relu)

    def selected_features(self, x: Tensor, index: Tensor, *, surrogate_relu: bool | Tensor = False) -> Tensor:
        """Return ``features(x)[i, index[i]]`` for each row i, as [n]."""
        return self.classifier.selected_features(self._normalized(x), index, surrogate_relu=surrogate_relu)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits [n, n_classes]."""
        return self.classifier(self._normalized(x))

    def _normalized(self, x: Tensor) -> Tensor:
        return (x - self.mean) / self.std
