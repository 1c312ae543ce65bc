"""Normalization that a network does by itself: found in its modules, or among the tensors of its file."""

import logging
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from feature_sensitivity.data.standardization import Standardization

NAMES = (("mean", "std"), ("mu", "sigma"), ("new_mean", "new_std"), ("mu", "std"))
"""What the constants are called in common codes."""

logger = logging.getLogger(__name__)

PARTS = ("normalize", "normalizer", "normalization")


def is_normalization(name: str) -> bool:
    """Return whether a tensor of this name holds constants of a normalization."""
    *parts, last = name.split(".")
    return any(last in pair for pair in NAMES) or any(part in PARTS for part in parts)


def normalization_inside(network: nn.Module, n_channels: int) -> str | None:
    """Return the name of the part of a network that normalizes its images by constants, if there is one.

    That is a module with a pair of constants for each channel, such as ``mean`` and ``std``, or with a pair of numbers
    if it is called so: layers that add noise have these, too.
    """
    for name, module in network.named_modules():
        held: dict[str, Any] = {**vars(module), **module._buffers, **module._parameters}
        is_called_so = module is network or "norm" in f"{name} {type(module).__name__}".lower()
        for pair in NAMES:
            constants = [held.get(key) for key in pair]
            if all(_is_constant(value, n_channels) for value in constants) and (
                is_called_so or not any(_is_single(value, n_channels) for value in constants)
            ):
                return f"{name or 'the network'} ({', '.join(pair)})"
    return None


def standardization_for(
    network: nn.Module, *, own: Standardization | None, default: Standardization, name: str
) -> Standardization:
    """Return what standardizes the images of a network: its ``own`` constants where the config gives some.

    Else none, where the network normalizes by itself, and the ``default`` in all other cases. The log says which.
    """
    n_channels = len(default.mean)
    inside = normalization_inside(network, n_channels)
    if inside and own is None:
        logger.info("%s normalizes its images by itself, in %s: it gets pixels in [0, 1]", name, inside)
        return Standardization((0.0,) * n_channels, (1.0,) * n_channels)
    if inside:
        logger.warning(
            "%s normalizes its images by itself, in %s, and gets them standardized by the config's constants besides",
            name,
            inside,
        )
    return own or default


def normalization_among(tensors: Mapping[str, Tensor], n_channels: int) -> Standardization | None:
    """Return the constants of a normalization among tensors, if there are some."""
    for mean_name, std_name in _pairs(tensors):
        mean, std = tensors[mean_name], tensors[std_name]
        if _is_constant(mean, n_channels) and _is_constant(std, n_channels) and bool((std > 0).all()):
            return Standardization(_numbers(mean, n_channels), _numbers(std, n_channels))
    return None


def _pairs(tensors: Mapping[str, Tensor]) -> Iterator[tuple[str, str]]:
    for name in tensors:
        before, _, last = name.rpartition(".")
        for mean, std in NAMES:
            other = f"{before}.{std}" if before else std
            if last == mean and other in tensors:
                yield name, other


def _is_constant(value: Any, n_channels: int) -> bool:
    """Return whether this is a number, or one for each channel."""
    if isinstance(value, float):
        return True
    if isinstance(value, list | tuple):
        return len(value) in (1, n_channels) and all(isinstance(number, int | float) for number in value)
    return isinstance(value, Tensor) and value.numel() in (1, n_channels) and value.is_floating_point()


def _is_single(value: Any, n_channels: int) -> bool:
    """Return whether this is one number where there are several channels, or a bare number."""
    if isinstance(value, float):
        return True
    return n_channels > 1 and (value.numel() if isinstance(value, Tensor) else len(value)) == 1


def _numbers(value: Tensor, n_channels: int) -> tuple[float, ...]:
    return tuple(torch.broadcast_to(value.double().flatten(), (n_channels,)).tolist())
