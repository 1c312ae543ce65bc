"""ResNet50 for small images (He et al. 2016)."""

from typing import cast

from torch import Tensor, nn
from torch.nn import functional as F

from feature_sensitivity.networks.architectures.averaged_relu import AveragedReLU, initialize


class Bottleneck(nn.Module):
    """Convolutions 1x1, 3x3, 1x1 around a shortcut; the stride is in the second one. Names are torchvision's."""

    EXPANSION = 4

    def __init__(self, in_channels: int, width: int, stride: int) -> None:
        super().__init__()
        out_channels = self.EXPANSION * width
        self.conv1 = nn.Conv2d(in_channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, out_channels, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out_channels)
        self.downsample: nn.Module = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.downsample = nn.Sequential(
                nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), nn.BatchNorm2d(out_channels)
            )

    def pre_activation(self, x: Tensor) -> Tensor:
        """Return the block's output before its last ReLU."""
        out = F.relu(self.bn1(self.conv1(x)), inplace=True)
        out = F.relu(self.bn2(self.conv2(out)), inplace=True)
        return self.bn3(self.conv3(out)) + self.downsample(x)

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's output."""
        return F.relu(self.pre_activation(x), inplace=True)


class ResNet50(AveragedReLU):
    """ResNet50 with a 3x3 stride-1 stem and no max-pool; ``width`` is the number of channels of the stem."""

    def __init__(self, *, in_channels: int, n_classes: int, width: int = 64) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        channels = width
        groups = []
        for group, n_blocks in enumerate((3, 4, 6, 3)):
            inner = width * 2**group
            blocks = []
            for block in range(n_blocks):
                blocks.append(Bottleneck(channels, inner, 2 if group and block == 0 else 1))
                channels = Bottleneck.EXPANSION * inner
            groups.append(nn.Sequential(*blocks))
        self.layer1, self.layer2, self.layer3, self.layer4 = groups
        self.fc = nn.Linear(channels, n_classes)
        initialize(self)

    def last_map(self, x: Tensor) -> Tensor:
        """Return the input of the last ReLU."""
        x = F.relu(self.bn1(self.conv1(x)), inplace=True)
        x = self.layer3(self.layer2(self.layer1(x)))
        for block in self.layer4[:-1]:
            x = block(x)
        return cast("Bottleneck", self.layer4[-1]).pre_activation(x)
