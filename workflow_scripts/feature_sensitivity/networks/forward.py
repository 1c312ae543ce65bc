"""A pass of a network on images that it may refuse, and why it does."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from feature_sensitivity.runtime.errors import UserError

BATCH_SIZES = (1, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 50, 64, 100, 128)
SIZES = (224, 32, 28, 64, 8, 16, 48, 96, 128, 192, 256, 299, 384, 448, 512)
CHANNELS = (1, 3, 4, 2)


@torch.no_grad()
def forward(network: nn.Module, example: Tensor) -> Tensor:
    """Return logits [n, n_classes] of a few images; UserError when the network refuses them or gives something else."""
    size = " x ".join(map(str, example.shape[1:]))
    try:
        logits = network(example)
    except Exception as error:  # whatever the code of a network raises
        raise UserError(_why(network, example, error)) from error
    if not isinstance(logits, Tensor) or logits.ndim != 2 or len(logits) != len(example):
        shape = f"a tensor {list(logits.shape)}" if isinstance(logits, Tensor) else f"a {type(logits).__name__}"
        has_logits = hasattr(logits, "logits") or (isinstance(logits, Mapping) and "logits" in logits)
        advice = ", as a module around it does that returns its .logits" if has_logits else ""
        raise UserError(
            f"for {len(example)} images of {size} the network returns {shape}; it must return logits, "
            f"[n_images, n_classes]{advice}"
        )
    return logits


def _why(network: nn.Module, example: Tensor, error: Exception) -> str:
    """Return why a network refuses images, as further passes show, and what to do."""
    n, channels, *sizes = example.shape
    size = " x ".join(map(str, example.shape[1:]))
    reason = f"{type(error).__name__}: {reason_of(error)}"
    tensors = [*network.parameters(), *network.buffers()]
    devices = {str(tensor.device) for tensor in tensors}
    types = {tensor.dtype for tensor in tensors if tensor.is_floating_point()} - {example.dtype}
    if len(devices) > 1:
        return f"the network's weights are on several devices, {', '.join(sorted(devices))} ({reason}); move it to one"
    if types:
        names = ", ".join(sorted(str(dtype).removeprefix("torch.") for dtype in types))
        return f"the network's weights are {names}, images are float32 ({reason}); give network.float()"
    if fitting := [m for m in BATCH_SIZES if m != n and _takes(network, example[:1].expand(m, *example.shape[1:]))]:
        return (
            f"the network takes batches of {' or '.join(map(str, fitting[:3]))} images and none of {n} ({reason}); "
            "its code has to leave the size of a batch open, as x.flatten(1) does in place of x.view({fitting[0]}, -1)"
        ).replace("{fitting[0]}", str(fitting[0]))
    others = [c for c in CHANNELS if c != channels and _takes(network, example[:, :1].expand(n, c, *sizes))]
    if others:
        return (
            f"the network takes images of {others[0]} channels, these have {channels} ({reason}); give it images with "
            "the channels that it was made for"
        )
    fitting = [s for s in SIZES if [s, s] != sizes and _takes(network, _resized(example, s))]
    if fitting:
        return (
            f"the network does not take images of {size}, but of {channels} x {fitting[0]} x {fitting[0]} ({reason}); "
            "give it images of the size that it was made for"
        )
    return f"the network does not take images of {size} ({reason}); give it images that it takes, or correct its code"


def _takes(network: nn.Module, images: Tensor) -> bool:
    try:
        network(images.contiguous())
    except Exception:  # whatever the code of a network raises
        return False
    return True


def _resized(images: Tensor, size: int) -> Tensor:
    return torch.nn.functional.interpolate(images, (size, size))


def reason_of(error: Exception) -> str:
    """Return the message of an error in one line."""
    return " ".join(str(error).split())[:200]


@contextmanager
def refused_images() -> Iterator[None]:
    """Turn the errors by which a network's code refuses images of an attack into a :class:`UserError`."""
    try:
        yield
    except (AssertionError, ValueError, TypeError, IndexError) as error:
        raise UserError(
            f"the network refuses images that it is given in an attack ({type(error).__name__}: {reason_of(error)}); "
            "where it takes only pixels in [0, 1], write clip_to_pixel_box: true"
        ) from error


def readable(network: nn.Module) -> nn.Module:
    """Return the network whose layers can be read: that inside ``torch.compile``.

    Raises :class:`UserError` where it has none, or no weights that gradients pass.
    """
    network = getattr(network, "_orig_mod", network)
    for name, module in network.named_modules():
        if isinstance(module, torch.jit.ScriptModule):
            by = "scripted or traced by torch.jit"
        elif hasattr(module, "_orig_mod") or getattr(module, "_compiled_call_impl", None) is not None:
            by = "compiled by torch.compile"
        else:
            continue
        raise UserError(
            f"{name or 'the network'} was {by}, so its layers cannot be read; give the torch.nn.Module that it was "
            "made from"
        )
    for name, tensor in [*network.named_parameters(), *network.named_buffers()]:
        if is_lazy(tensor):
            continue  # a first pass makes it
        if tensor.is_meta:
            raise UserError(f"{name} is on the device meta, which holds no numbers; load the network's weights")
        if tensor.is_inference():
            raise UserError(
                f"{name} was made under torch.inference_mode, so no gradient can pass it; make the network outside of "
                "that mode"
            )
    return network


def laid_out(network: nn.Module, memory_format: torch.memory_format) -> nn.Module:
    """Lay out the weights of a network's two-dimensional convolutions in memory; those of others stay."""
    return network._apply(lambda t: t.to(memory_format=memory_format) if t.ndim == 4 else t)


def fitting_memory_format(network: nn.Module, example: Tensor) -> torch.memory_format:
    """Return channels_last, which is faster, where the network works with it forward and backward.

    ``view`` in a network may ask for the other layout. The network is left in the layout that is returned.

    Raises :class:`UserError` when no gradient reaches the image.
    """
    training = network.training
    forward(network.eval(), example)
    try:
        for memory_format in (torch.channels_last, torch.contiguous_format):
            laid_out(network, memory_format)
            points = example.detach().contiguous(memory_format=memory_format).clone().requires_grad_()
            try:
                with torch.enable_grad():
                    torch.autograd.grad(network(points).sum(), points)
            except RuntimeError as error:
                reason = reason_of(error)
            else:
                return memory_format
    finally:
        network.train(training)
    raise UserError(
        f"no gradient passes through the network to its input ({reason}), and attacks need one; a quantized network "
        "has none, and its code must not detach values, nor compute under torch.no_grad"
    )
