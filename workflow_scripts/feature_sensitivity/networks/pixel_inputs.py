"""Networks that take pixels, so that an attack on their inputs is one in pixel units."""

import torch
from torch import Tensor

from feature_sensitivity.data.standardization import Standardization
from feature_sensitivity.networks.checkpoints import Checkpoint
from feature_sensitivity.networks.classifier import Classifier


class PixelInputs(Classifier):
    """A network that takes images in [0, 1] and standardizes them itself."""

    mean: Tensor
    std: Tensor

    def __init__(self, network: Classifier, standardization: Standardization) -> None:
        super().__init__()
        self.network = network
        self.fc = network.fc
        self.feature_minimum = network.feature_minimum
        self.register_buffer("mean", torch.tensor(standardization.mean).reshape(-1, 1, 1))
        self.register_buffer("std", torch.tensor(standardization.std).reshape(-1, 1, 1))

    def features(self, x: Tensor, *, surrogate_relu: bool | Tensor = False) -> Tensor:
        """Return penultimate features [n, n_features] of images [n, channels, height, width] in [0, 1]."""
        return self.network.features(self._standardized(x), surrogate_relu=surrogate_relu)

    def selected_features(self, x: Tensor, index: Tensor, *, surrogate_relu: bool | Tensor = False) -> Tensor:
        """Return ``features(x)[i, index[i]]`` for each row i, as [n], in the fast way of the network, if it has one."""
        return self.network.selected_features(self._standardized(x), index, surrogate_relu=surrogate_relu)

    def _standardized(self, x: Tensor) -> Tensor:
        return (x - self.mean) / self.std


def inputs_in(unit: str, network: Classifier, standardization: Standardization) -> tuple[Classifier, Standardization]:
    """Return a network whose inputs are in the unit of epsilon, and what makes them of images.

    In pixel units the network standardizes its images itself, and nothing is left to do before. So a ball of pixels,
    which in standardized units is a box or an ellipsoid, is a ball for every attack.
    """
    if unit == "standardized":
        return network, standardization
    return PixelInputs(network, standardization), Standardization.identity(len(standardization.mean))


def with_inputs_in(unit: str, model: Checkpoint) -> Checkpoint:
    """Return the model with the network and standardization of :func:`inputs_in`."""
    network, standardization = inputs_in(unit, model.network, model.standardization)
    return Checkpoint(network.eval(), standardization, model.metadata)
