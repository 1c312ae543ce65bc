"""Built-in networks by name."""

from collections.abc import Mapping
from typing import Any

from feature_sensitivity.networks.classifier import Classifier
from feature_sensitivity.networks.resnet import ResNet18

ARCHITECTURES: Mapping[str, type[Classifier]] = {"resnet18": ResNet18}


def build(architecture: Mapping[str, Any]) -> Classifier:
    """Return a new network from ``{"name", "in_channels", "n_classes", "width"}``."""
    arguments = dict(architecture)
    return ARCHITECTURES[arguments.pop("name")](**arguments)
