"""Networks whose features are averages of the outputs of a last ReLU, with a linear layer on top."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from feature_sensitivity.networks.classifier import Classifier


class AveragedReLU(Classifier):
    """A network whose features are averages over positions of ReLU outputs: they are never negative."""

    has_surrogate = True
    feature_minimum = 0.0
    fc: nn.Linear

    @staticmethod
    def arguments_from(weights: Mapping[str, Tensor]) -> dict[str, Any]:
        """Read width and the numbers of input channels and classes off the first and the last layer."""
        width, in_channels = weights["conv1.weight"].shape[:2]
        return {"in_channels": in_channels, "n_classes": len(weights["fc.weight"]), "width": width}

    def last_map(self, x: Tensor) -> Tensor:
        """Return the input of the last ReLU, [n, n_features, height, width]."""
        raise NotImplementedError

    def features(self, x: Tensor, *, surrogate_relu: bool | Tensor = False) -> Tensor:
        """Return penultimate features [n, n_features]."""
        return last_relu(self.last_map(x), surrogate=surrogate_relu).mean(dim=(2, 3))


def last_relu(z: Tensor, *, surrogate: bool | Tensor) -> Tensor:
    """Return relu(z), in all rows or in those of a mask, bool [n], with the gradient of the identity."""
    out = F.relu(z)
    if surrogate is False:
        return out
    # relu(z) - z is detached, so the gradient is the identity's; the sum is relu(z) exactly.
    through = z + (out - z).detach()
    return through if surrogate is True else torch.where(surrogate.view(-1, *[1] * (z.dim() - 1)), through, out)


def initialize(network: nn.Module) -> None:
    """Draw the weights of convolutions as He et al. (2015)."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
