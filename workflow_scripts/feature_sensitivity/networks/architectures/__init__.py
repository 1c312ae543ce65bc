"""Built-in networks, with small-image stems and the parameter names of the common codes."""

from feature_sensitivity.networks.architectures.preactresnet18 import PreActResNet18
from feature_sensitivity.networks.architectures.resnet18 import ResNet18
from feature_sensitivity.networks.architectures.resnet50 import ResNet50
from feature_sensitivity.networks.architectures.wideresnet import WideResNet

__all__ = ["PreActResNet18", "ResNet18", "ResNet50", "WideResNet"]
