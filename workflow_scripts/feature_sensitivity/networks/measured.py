"""Any network as a classifier with features."""

from typing import cast

import torch
from torch import Tensor, nn

from feature_sensitivity.networks.activations import Activation, find_activation, let_pass_through, passing_through
from feature_sensitivity.networks.calls import let_read, values_at
from feature_sensitivity.networks.classifier import Classifier
from feature_sensitivity.networks.feature_layer import FeatureLayer, find_feature_layer, several
from feature_sensitivity.networks.forward import fitting_memory_format, forward, readable, refused_images
from feature_sensitivity.networks.head import Head


class MeasuredNetwork(Classifier):
    """A network of any kind, with features read at one of its layers; what lies behind that is not computed for them.

    ``network`` returns logits [n, n_classes]. ``head``: the linear map that makes them of the features, where no single
    layer of the network has its weights; logits are then computed by it.
    """

    def __init__(
        self, network: nn.Module, layer: FeatureLayer, head: Head | None = None, activation: Activation | None = None
    ) -> None:
        super().__init__()
        self.network = network
        self.layer = layer
        self.activation = activation or Activation()
        self.feature_minimum, self.feature_maximum = self.activation.minimum, self.activation.maximum
        self.has_surrogate = self.activation.has_surrogate
        self.head: nn.Linear | None = None
        if head is not None and head.weight is not None and head.bias is not None:
            self.head = nn.Linear(head.weight.shape[1], head.weight.shape[0], device="meta")
            self.head.weight, self.head.bias = nn.Parameter(head.weight), nn.Parameter(head.bias)
        let_read(network, layer.places)
        let_pass_through(network, self.activation)
        # PyTorch computes attention in another way without gradients, and rounds otherwise; a row's value must not
        # depend on whether its gradient is computed beside it.
        torch.backends.mha.set_fastpath_enabled(False)

    def extra_repr(self) -> str:
        """Return where the features are."""
        return f"{self.layer!r}, {self.activation!r}"

    @property
    def feature_layer(self) -> str:
        """Where the features are, in words."""
        return self.layer.description

    @property
    def last_layer(self) -> nn.Linear | None:
        """The linear layer whose inputs the features are, if there is one."""
        if self.layer.linear is not None:
            return cast("nn.Linear", self.network.get_submodule(self.layer.linear))
        return self.head

    @property
    def n_features(self) -> int:
        """How many features there are."""
        return self.layer.n_features

    def features(self, x: Tensor, *, surrogate_relu: bool | Tensor = False) -> Tensor:
        """Return features [n, n_features] of images [n, channels, height, width]."""
        with refused_images(), passing_through(self.network, self.activation, surrogate_relu):
            values = values_at(self.network, self.layer.places, self._laid_out(x))
        return self.layer.as_features(values)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits [n, n_classes]."""
        if self.head is not None:
            return self.head(self.features(x))
        with refused_images():
            return self.network(self._laid_out(x))

    def _laid_out(self, x: Tensor) -> Tensor:
        return x.contiguous(memory_format=self.memory_format)


def measured(
    network: nn.Module,
    example: Tensor,
    *,
    layer: str | None = None,
    positions: str | None = None,
    channels: str | None = None,
) -> Classifier:
    """Return a network as a classifier in eval mode, with features as in :func:`.feature_layer.find_feature_layer`.

    A built-in network with its own features stays as it is. ``example``: a few images that it takes.
    """
    network.eval()
    if layer is None and isinstance(network, Classifier):
        return network
    network = readable(network)
    example = example.to(next((p.device for p in network.parameters()), example.device))
    forward(network, example)
    memory_format = fitting_memory_format(network, example)
    example = several(example)
    found, head = find_feature_layer(network, example, layer=layer, positions=positions, channels=channels)
    activation = find_activation(network, found, example)
    classifier = MeasuredNetwork(network, found, head, activation)
    classifier.memory_format = memory_format
    return classifier
