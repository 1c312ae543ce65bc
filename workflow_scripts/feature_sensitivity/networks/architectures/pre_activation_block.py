"""The block of pre-activation residual networks (He et al. 2016, "Identity mappings in deep residual networks")."""

from torch import Tensor, nn
from torch.nn import functional as F


class PreActivationBlock(nn.Module):
    """BatchNorm and ReLU before each of two 3x3 convolutions; a subclass names its shortcut as its weights do."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.bn1 = nn.BatchNorm2d(in_channels)
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)

    def projection(self) -> nn.Module | None:
        """Return the convolution of the shortcut; None where the input itself is added."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's output."""
        activated = F.relu(self.bn1(x), inplace=True)
        out = F.relu(self.bn2(self.conv1(activated)), inplace=True)
        projection = self.projection()
        return self.conv2(out) + (x if projection is None else projection(activated))
