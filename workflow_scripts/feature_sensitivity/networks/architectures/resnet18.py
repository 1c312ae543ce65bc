"""ResNet18 for small images (He et al. 2016)."""

from functools import cache
from itertools import product
from typing import Any, cast

import torch
import torch.fx
from torch import Tensor, nn
from torch.nn import functional as F
from torch.overrides import handle_torch_function, has_torch_function_unary

from feature_sensitivity.networks.architectures.averaged_relu import AveragedReLU, initialize, last_relu


class ShortcutConv2d(nn.Conv2d):
    """A strided 1x1 convolution whose weight gradient can be trusted.

    For fewer than 16 input channels in channels_last and an odd batch, the CPU's kernel writes beyond
    its memory (torch 2.14.1 with oneDNN); there the unused positions are left out first, which is equal.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Return the output [n, out_channels, ceil(height / stride), ceil(width / stride)]."""
        if self.in_channels >= 16:
            return super().forward(x)
        return F.conv2d(x[:, :, :: self.stride[0], :: self.stride[1]], self.weight, self.bias)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions around a shortcut (He et al. 2016). Parameter names are torchvision's."""

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(out_channels)
        self.conv2 = nn.Conv2d(out_channels, out_channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(out_channels)
        self.downsample: nn.Module = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.downsample = nn.Sequential(
                ShortcutConv2d(in_channels, out_channels, 1, stride, bias=False), nn.BatchNorm2d(out_channels)
            )

    def inner(self, x: Tensor) -> Tensor:
        """Return the activation between the two convolutions."""
        return _relu(self.bn1(self.conv1(x)))

    def pre_activation(self, x: Tensor) -> Tensor:
        """Return the block's output before its last ReLU."""
        out: Tensor = self.bn2(self.conv2(self.inner(x)))
        return out.add_(self.downsample(x))

    def forward(self, x: Tensor) -> Tensor:
        """Return the block's output."""
        return _relu(self.pre_activation(x))


class ResNet18(AveragedReLU):
    """ResNet18 for small images: a 3x3 stride-1 stem in place of the 7x7 convolution and the max-pool.

    ``width`` is the number of channels of the first group (64 in the paper); the penultimate
    features number ``8 * width``.
    """

    computes_one_channel = True
    """Whether a folded copy computes only the attacked channel of the last convolution."""

    def __init__(self, *, in_channels: int, n_classes: int, width: int = 64) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, width, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.layer1 = nn.Sequential(BasicBlock(width, width, 1), BasicBlock(width, width, 1))
        self.layer2 = nn.Sequential(BasicBlock(width, 2 * width, 2), BasicBlock(2 * width, 2 * width, 1))
        self.layer3 = nn.Sequential(BasicBlock(2 * width, 4 * width, 2), BasicBlock(4 * width, 4 * width, 1))
        self.layer4 = nn.Sequential(BasicBlock(4 * width, 8 * width, 2), BasicBlock(8 * width, 8 * width, 1))
        self.fc = nn.Linear(8 * width, n_classes)
        initialize(self)

    def _before_last_block(self, x: Tensor) -> Tensor:
        x = _relu(self.bn1(self.conv1(x)))
        return cast("Tensor", self.layer4[0](self.layer3(self.layer2(self.layer1(x)))))

    def _last_block(self) -> BasicBlock:
        return cast("BasicBlock", self.layer4[1])

    def last_map(self, x: Tensor) -> Tensor:
        """Return the input of the last ReLU."""
        return self._last_block().pre_activation(self._before_last_block(x))

    def selected_features(self, x: Tensor, index: Tensor, *, surrogate_relu: bool | Tensor = False) -> Tensor:
        """Return ``features(x)[i, index[i]]`` for each row i, as [n].

        A folded copy computes of the last convolution only the selected channel, forward and backward: a
        matrix product of each position with the channel's 9 taps, then a shifted sum.
        """
        block = self._last_block()
        if not (self.computes_one_channel and isinstance(block.bn2, nn.Identity)):
            return super().selected_features(x, index, surrogate_relu=surrogate_relu)
        shortcut = self._before_last_block(x)
        inner = block.inner(shortcut)
        n, channels, height, width = inner.shape
        # Channels last, as they are in memory, so that their gradients are, too.
        shortcut, inner = (t.permute(0, 2, 3, 1).reshape(n, height * width, channels) for t in (shortcut, inner))
        taps = block.conv2.weight[index].reshape(n, channels, 9)
        z = (inner @ taps).flatten(1) @ _shifted_sum(height, width, inner.device, inner.dtype)
        z = z + cast("Tensor", block.conv2.bias)[index][:, None]
        z = z + shortcut.gather(2, index[:, None, None].expand(-1, height * width, 1))[:, :, 0]
        return last_relu(z, surrogate=surrogate_relu).mean(dim=1)


@cache
def _shifted_sum(height: int, width: int, device: torch.device, dtype: torch.dtype) -> Tensor:
    """Return what a 3x3 convolution with padding 1 adds up, tap by tap: [height * width * 9, height * width]."""
    matrix = torch.zeros(height, width, 3, 3, height, width)
    for i, j, row, column in product(range(3), range(3), range(height), range(width)):
        source = row + i - 1, column + j - 1
        if 0 <= source[0] < height and 0 <= source[1] < width:
            matrix[source[0], source[1], i, j, row, column] = 1.0
    return matrix.reshape(height * width * 9, height * width).to(device, dtype)


class _InPlaceReLU(torch.autograd.Function):
    """A ReLU that overwrites its input, and in the backward pass the gradient that it is given.

    For networks whose every activation is consumed by one operation, or by a block's two branches: then
    nothing else needs that gradient any more. Saves the largest allocations of an attack.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        ctx.mark_dirty(x.relu_())
        ctx.save_for_backward(x)
        return x

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        (out,), (gradient,) = ctx.saved_tensors, gradients
        if 0 in gradient.stride():  # one number for many places, as a mean behind it gives: not to be overwritten
            return torch.ops.aten.threshold_backward(gradient, out, 0)
        return torch.ops.aten.threshold_backward.grad_input(gradient, out, 0, grad_input=gradient)


@torch.fx.wrap  # a graph of the network shows it as one operation
def _relu(x: Tensor) -> Tensor:
    if torch.compiler.is_compiling():
        return F.relu(x)  # the compiler reuses memory by itself
    if has_torch_function_unary(x):  # so that a trace shows it, too
        traced: Tensor = handle_torch_function(_relu, (x,), x)
        return traced
    return cast("Tensor", _InPlaceReLU.apply(x))
