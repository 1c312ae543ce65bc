"""Networks that take pixels, so that an attack on their inputs is one in pixel units."""

from typing import cast

from torch import nn

from feature_sensitivity.data.standardization import Standardization
from feature_sensitivity.networks.checkpoints import Checkpoint
from feature_sensitivity.networks.classifier import Classifier
from feature_sensitivity.networks.normalized import NormalizedClassifier


def inputs_in(unit: str, network: nn.Module, standardization: Standardization) -> tuple[nn.Module, Standardization]:
    """Return a network whose inputs are in the unit of epsilon, and what makes them of images.

    In pixel units the network standardizes its images itself, and nothing is left to do before. So a ball of pixels,
    which in standardized units is a box or an ellipsoid, is a ball for every attack.
    """
    if unit == "standardized":
        return network, standardization
    inside: nn.Module
    if isinstance(network, Classifier):
        inside = NormalizedClassifier(network, standardization.mean, standardization.std)
    else:
        # Here, since importing torchvision takes a second, in every job of a run in standardized units as well.
        from torchvision.transforms import Normalize

        inside = nn.Sequential(Normalize(standardization.mean, standardization.std), network)
    return inside, Standardization.identity(len(standardization.mean))


def with_inputs_in(unit: str, model: Checkpoint) -> Checkpoint:
    """Return the model with the network and standardization of :func:`inputs_in`."""
    network, standardization = inputs_in(unit, model.network, model.standardization)
    return Checkpoint(cast("Classifier", network).eval(), standardization, model.metadata)
