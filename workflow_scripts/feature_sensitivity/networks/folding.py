"""The copy of a network that is attacked: BatchNorm folded into the convolutions."""

from typing import TypeVar

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from feature_sensitivity.networks.copies import copied
from feature_sensitivity.networks.graph import foldable_pairs
from feature_sensitivity.networks.measured import MeasuredNetwork

N = TypeVar("N", bound=nn.Module)


def unfolded_copy(network: N) -> N:
    """Return a copy for attacks: eval mode, no weight gradients."""
    memory_format = getattr(network, "memory_format", torch.channels_last)
    return copied(network).eval().requires_grad_(False).to(memory_format=memory_format)


def folded_copy(network: N) -> N:
    """Return a copy for attacks: eval mode, BatchNorm folded into the convolutions, no weight gradients.

    Equal to ``network.eval()`` up to float32 rounding, and about twice as fast. Where torch.fx cannot trace the
    network, or something else lies between a convolution and BatchNorm, BatchNorm stays.
    """
    folded = copied(network).eval()
    # Where features are read, the values have to stay as they are.
    measured = next((module for module in folded.modules() if isinstance(module, MeasuredNetwork)), None)
    layer = measured.network.get_submodule(measured.layer.module) if measured else None
    for convolution, norm in foldable_pairs(network):
        conv, bn = folded.get_submodule(convolution), folded.get_submodule(norm)
        if conv is not layer and bn is not layer:
            folded.set_submodule(convolution, fuse_conv_bn_eval(conv, bn))  # type: ignore[type-var, arg-type]
            folded.set_submodule(norm, nn.Identity())
    memory_format = getattr(network, "memory_format", torch.channels_last)
    return folded.requires_grad_(False).to(memory_format=memory_format)
