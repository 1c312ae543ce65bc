"""Constants of a network that PyTorch does not know of."""

from torch import Tensor, nn


def register_constants(network: nn.Module) -> None:
    """Make buffers of the tensors that a network has as plain attributes, so that they follow it to a device."""
    for module in network.modules():
        for name, value in list(vars(module).items()):
            if isinstance(value, Tensor) and value.is_floating_point() and value.is_leaf and not value.requires_grad:
                delattr(module, name)
                module.register_buffer(name, value, persistent=False)
