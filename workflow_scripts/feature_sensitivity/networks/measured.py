"""Any network as a classifier with features."""

from typing import cast

import torch
from torch import Tensor, nn

from feature_sensitivity.networks.classifier import Classifier
from feature_sensitivity.networks.feature_layer import FeatureLayer, find_feature_layer, forward, stop_at, values_at
from feature_sensitivity.networks.graph import known_minimum
from feature_sensitivity.runtime.errors import UserError


class MeasuredNetwork(Classifier):
    """A network of any kind, with features read at one of its layers; what lies behind that is not computed for them.

    ``network`` returns logits [n, n_classes]. Surrogate gradients are those of the network as it is.
    """

    def __init__(self, network: nn.Module, layer: FeatureLayer) -> None:
        super().__init__()
        self.network = network
        self.layer = layer
        stop_at(network.get_submodule(layer.module), layer.side)
        # PyTorch computes attention in another way without gradients, and rounds otherwise; a row's value must not
        # depend on whether its gradient is computed beside it.
        torch.backends.mha.set_fastpath_enabled(False)

    def extra_repr(self) -> str:
        """Return where the features are."""
        return str(self.layer)

    @property
    def last_layer(self) -> nn.Linear | None:
        """The linear layer whose inputs the features are, if there is one."""
        return cast("nn.Linear", self.network.get_submodule(self.layer.linear)) if self.layer.linear else None

    @property
    def n_features(self) -> int:
        """How many features there are."""
        return self.layer.n_features

    def features(self, x: Tensor, *, surrogate_relu: bool | Tensor = False) -> Tensor:
        """Return features [n, n_features] of images [n, channels, height, width]."""
        layer = self.network.get_submodule(self.layer.module)
        return self.layer.as_features(values_at(layer, self.network, self._laid_out(x)))

    def forward(self, x: Tensor) -> Tensor:
        """Return logits [n, n_classes]."""
        return self.network(self._laid_out(x))

    def _laid_out(self, x: Tensor) -> Tensor:
        return x.contiguous(memory_format=self.memory_format)


def measured(
    network: nn.Module, example: Tensor, *, layer: str | None = None, positions: str | None = None
) -> Classifier:
    """Return a network as a classifier in eval mode, with features as in :func:`.feature_layer.find_feature_layer`.

    A built-in network with its own features stays as it is. ``example``: a few images that it takes.
    """
    network.eval()
    if layer is None and isinstance(network, Classifier):
        return network
    example = example.to(next((p.device for p in network.parameters()), example.device))
    classifier = MeasuredNetwork(network, find_feature_layer(network, example, layer=layer, positions=positions))
    classifier.memory_format = fitting_memory_format(network, example)
    classifier.feature_minimum = known_minimum(classifier, f"network.{classifier.layer.module}", classifier.layer.side)
    return classifier


def fitting_memory_format(network: nn.Module, example: Tensor) -> torch.memory_format:
    """Return channels_last, which is faster, where the network works with it forward and backward.

    ``view`` in a network may ask for the other layout. The network is left in the layout that is returned.

    Raises :class:`UserError` when no gradient reaches the image.
    """
    training = network.training
    forward(network.eval(), example)
    try:
        for memory_format in (torch.channels_last, torch.contiguous_format):
            network.to(memory_format=memory_format)
            points = example.detach().contiguous(memory_format=memory_format).clone().requires_grad_()
            try:
                torch.autograd.grad(network(points).sum(), points)
            except RuntimeError as error:
                reason = " ".join(str(error).split())[:200]
            else:
                return memory_format
    finally:
        network.train(training)
    raise UserError(f"no gradient passes through the network to its input ({reason}); attacks need one")
