"""Wide residual networks (Zagoruyko and Komodakis 2016)."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from feature_sensitivity.networks.architectures.averaged_relu import AveragedReLU, initialize
from feature_sensitivity.networks.architectures.pre_activation_block import PreActivationBlock


class WideBlock(PreActivationBlock):
    """The block with its shortcut under the name of the common PyTorch code."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__(in_channels, out_channels, stride)
        self.convShortcut: nn.Module | None = None
        if in_channels != out_channels:
            self.convShortcut = nn.Conv2d(in_channels, out_channels, 1, stride, bias=False)

    def projection(self) -> nn.Module | None:
        """Return the convolution of the shortcut."""
        return self.convShortcut


class WideGroup(nn.Module):
    """Blocks of one width, under the name ``layer``."""

    def __init__(self, in_channels: int, out_channels: int, stride: int, n_blocks: int) -> None:
        super().__init__()
        first = WideBlock(in_channels, out_channels, stride)
        self.layer = nn.Sequential(first, *(WideBlock(out_channels, out_channels, 1) for _ in range(n_blocks - 1)))

    def forward(self, x: Tensor) -> Tensor:
        """Return the group's output."""
        return self.layer(x)


class WideResNet(AveragedReLU):
    """A wide residual network of ``depth`` 6 n + 4 with groups of 16, 32 and 64 times ``widening`` channels.

    Raises :class:`ValueError` for another depth.
    """

    def __init__(self, *, depth: int, widening: int, in_channels: int, n_classes: int) -> None:
        super().__init__()
        if depth < 10 or (depth - 4) % 6:
            raise ValueError(f"its depth is {depth}; write 10, 16, 22, 28, 34, 40 or a further 6 n + 4")
        n_blocks = (depth - 4) // 6
        widths = [16, 16 * widening, 32 * widening, 64 * widening]
        self.conv1 = nn.Conv2d(in_channels, widths[0], 3, padding=1, bias=False)
        self.block1 = WideGroup(widths[0], widths[1], 1, n_blocks)
        self.block2 = WideGroup(widths[1], widths[2], 2, n_blocks)
        self.block3 = WideGroup(widths[2], widths[3], 2, n_blocks)
        self.bn1 = nn.BatchNorm2d(widths[3])
        self.fc = nn.Linear(widths[3], n_classes)
        initialize(self)

    @staticmethod
    def arguments_from(weights: Mapping[str, Tensor]) -> dict[str, Any]:
        """Read the numbers of input channels and classes off the first and the last layer."""
        return {"in_channels": weights["conv1.weight"].shape[1], "n_classes": len(weights["fc.weight"])}

    def last_map(self, x: Tensor) -> Tensor:
        """Return the input of the last ReLU."""
        return self.bn1(self.block3(self.block2(self.block1(self.conv1(x)))))
