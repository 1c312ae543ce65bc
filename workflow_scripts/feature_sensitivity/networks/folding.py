"""The copy of a network that is attacked: BatchNorm folded into the convolutions."""

import copy

import torch
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from feature_sensitivity.networks.classifier import Classifier


def folded_copy(network: Classifier) -> Classifier:
    """Return a copy for attacks: eval mode, BatchNorm folded into the convolutions, no weight gradients.

    Equal to ``network.eval()`` up to float32 rounding, and about twice as fast.
    """
    copied = copy.deepcopy(network).eval()
    for module in list(copied.modules()):
        for convolution, norm in (("conv1", "bn1"), ("conv2", "bn2"), ("0", "1")):
            conv, bn = getattr(module, convolution, None), getattr(module, norm, None)
            if isinstance(conv, nn.Conv2d) and isinstance(bn, nn.BatchNorm2d):
                setattr(module, convolution, fuse_conv_bn_eval(conv, bn))
                setattr(module, norm, nn.Identity())
    return copied.requires_grad_(False).to(memory_format=torch.channels_last)
