"""PreActResNet18 for small images (He et al. 2016, "Identity mappings in deep residual networks")."""

import math
from collections.abc import Mapping
from typing import Any, cast

from torch import Tensor, nn

from feature_sensitivity.networks.architectures.averaged_relu import initialize, last_relu
from feature_sensitivity.networks.architectures.pre_activation_block import PreActivationBlock
from feature_sensitivity.networks.classifier import Classifier


class PreActBlock(PreActivationBlock):
    """The block with its shortcut under the name of the common CIFAR code."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__(in_channels, out_channels, stride)
        self.shortcut: nn.Module | None = None
        if stride != 1 or in_channels != out_channels:
            self.shortcut = nn.Sequential(nn.Conv2d(in_channels, out_channels, 1, stride, bias=False))

    def projection(self) -> nn.Module | None:
        """Return the convolution of the shortcut."""
        return self.shortcut


class PreActResNet18(Classifier):
    """PreActResNet18 with a 3x3 stride-1 stem.

    With ``last_norm``, BatchNorm and ReLU follow the last block, as in the codes of adversarial training; without,
    its output is averaged as it is, as in the common CIFAR code, and features may be negative.
    """

    def __init__(self, *, in_channels: int, n_classes: int, width: int = 64, last_norm: bool = True) -> None:
        super().__init__()
        self.feature_minimum = 0.0 if last_norm else -math.inf
        self.has_surrogate = last_norm
        self.conv1 = nn.Conv2d(in_channels, width, 3, padding=1, bias=False)
        channels, groups = width, []
        for group in range(4):
            out_channels = width * 2**group
            first = PreActBlock(channels, out_channels, 2 if group else 1)
            groups.append(nn.Sequential(first, PreActBlock(out_channels, out_channels, 1)))
            channels = out_channels
        self.layer1, self.layer2, self.layer3, self.layer4 = groups
        self.bn = nn.BatchNorm2d(channels) if last_norm else None
        self.fc = nn.Linear(channels, n_classes)
        initialize(self)

    @staticmethod
    def arguments_from(weights: Mapping[str, Tensor]) -> dict[str, Any]:
        """Read the sizes off the first and the last layer."""
        width, in_channels = weights["conv1.weight"].shape[:2]
        return {
            "in_channels": in_channels,
            "n_classes": len(weights["fc.weight"]),
            "width": width,
            "last_norm": "bn.weight" in weights,
        }

    def features(self, x: Tensor, *, surrogate_relu: bool | Tensor = False) -> Tensor:
        """Return penultimate features [n, 8 * width]."""
        z = cast("Tensor", self.layer4(self.layer3(self.layer2(self.layer1(self.conv1(x))))))
        if self.bn is not None:
            z = last_relu(self.bn(z), surrogate=surrogate_relu)
        return z.mean(dim=(2, 3))
