"""Normalization that a network does by itself: tried on its constants, or found among the tensors of its file."""

import logging
import re
from collections.abc import Iterator, Mapping
from itertools import permutations
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from feature_sensitivity.data.standardization import Standardization
from feature_sensitivity.networks.copies import copied

logger = logging.getLogger(__name__)

MEANS = re.compile(r"(?!running_)(\w+_)?(means?|mus?|avg|average|center|offset)", re.IGNORECASE)
STDS = re.compile(r"(?!running_)(\w+_)?(stds?|sds?|stdevs?|sigmas?|inv_?stds?)", re.IGNORECASE)
"""What constants are mostly called. What they do decides; these are tried first, and single numbers by these alone."""

PARTS = ("normalize", "normalizer", "normalization")

MAX_TRIED = 60
TOLERANCE = 1e-3
"""Two outputs are the same when they differ by less than this share of what the constants change."""


class _Constant(NamedTuple):
    """A number, or one for each channel, that a module holds under a key."""

    module: str
    key: str
    values: tuple[float, ...]


def normalization_inside(network: nn.Module, pixels: Tensor) -> str | None:
    """Return the name of the part of a network that normalizes its images by constants, if there is one.

    Its name proves nothing: with the constants replaced by 0 and 1, the network has to give for standardized images
    what it gives for pixels with them, and something else for pixels. Each two constants of a module with a number for
    each channel are tried.

    Args:
        network: in eval mode.
        pixels: a few images in [0, 1], [n, channels, height, width].
    """
    network = copied(network)
    pixels = pixels.to(next((p.device for p in network.parameters()), pixels.device)).float()
    pairs = sorted(_pairs(network, pixels.shape[1]), key=_is_unlikely)
    for mean, std in pairs[:MAX_TRIED]:
        if _normalizes(network, mean, std, pixels):
            return f"{mean.module or 'the network'} ({mean.key}, {std.key})"
    return None


def standardization_for(
    network: nn.Module,
    pixels: Tensor,
    *,
    own: Standardization | None,
    default: Standardization,
    name: str,
) -> Standardization:
    """Return what standardizes the images of a network: its ``own`` constants where the config gives some.

    Else none, where the network normalizes by itself, and the ``default`` in all other cases. The log says which.
    ``pixels``: a few images in [0, 1], on which it is tried.
    """
    inside = normalization_inside(network, pixels)
    if inside and own is None:
        logger.info("%s normalizes its images by itself, in %s: it gets pixels in [0, 1]", name, inside)
        return Standardization.identity(len(default.mean))
    if inside:
        logger.warning(
            "%s normalizes its images by itself, in %s, and gets them standardized by the config's constants besides",
            name,
            inside,
        )
    return own or default


def _pairs(network: nn.Module, n_channels: int) -> Iterator[tuple[_Constant, _Constant]]:
    """Yield the constants that may be a mean and a standard deviation."""
    for name, module in network.named_modules():
        if type(module).__module__.startswith("torch.nn."):
            continue  # PyTorch's own layers have none
        held = {**vars(module), **module._buffers, **module._parameters}
        constants = [
            _Constant(name, key, values)
            for key, value in held.items()
            if (values := _numbers(value, n_channels)) is not None
        ]
        for mean, std in permutations(constants, 2):
            # Every module has single numbers.
            is_likely = MEANS.fullmatch(mean.key) and STDS.fullmatch(std.key)
            if min(std.values) > 0 and (is_likely or len(mean.values) == len(std.values) == n_channels > 1):
                yield mean, std


def _is_unlikely(pair: tuple[_Constant, _Constant]) -> tuple[bool, bool]:
    mean, std = pair
    return not (MEANS.fullmatch(mean.key) and STDS.fullmatch(std.key)), len(mean.values) == 1


@torch.no_grad()
def _normalizes(network: nn.Module, mean: _Constant, std: _Constant, pixels: Tensor) -> bool:
    """Return whether a network computes (pixel - mean) / std with these constants, and nothing else of them."""
    module = network.get_submodule(mean.module)
    shift, scale = (pixels.new_tensor(constant.values).view(1, -1, 1, 1) for constant in (mean, std))
    # The constants may be in units of 255, and the standard deviation as its inverse, by which one multiplies.
    for m, s in ((shift, scale), (shift, 1 / scale), (shift / 255, scale), (shift / 255, scale / 255)):
        room = float(((1 - m) / s).min())
        if room <= 0 or float(m.min()) < 0:
            continue
        standardized = pixels * min(1.0, room)  # so that both are in [0, 1], which some networks ask for
        inside = m + s * standardized
        try:
            with_them = network(inside)
            before = [_set(module, mean.key, 0.0), _set(module, std.key, 1.0)]
            try:
                without, of_pixels = network(standardized), network(inside)
            finally:
                _restore(module, mean.key, before[0])
                _restore(module, std.key, before[1])
        except Exception:  # whatever the code of a network does with other constants: then they are none of these
            continue
        effect = (of_pixels - with_them).abs().max()
        if bool((without - with_them).abs().max() <= TOLERANCE * effect) and bool(effect > 0):
            return True
    return False


def _set(module: nn.Module, key: str, number: float) -> Any:
    """Replace a constant of a module by a number, in its own form; return what it was."""
    value = module._buffers.get(key, module._parameters.get(key, vars(module).get(key)))
    if isinstance(value, Tensor):
        before = value.clone()
        value.data.fill_(number)
        return before
    if isinstance(value, np.ndarray):
        setattr(module, key, np.full_like(value, number))
    elif isinstance(value, list | tuple):
        setattr(module, key, type(value)([number] * len(value)))
    else:
        setattr(module, key, number)
    return value


def _restore(module: nn.Module, key: str, before: Any) -> None:
    value = module._buffers.get(key, module._parameters.get(key, vars(module).get(key)))
    if isinstance(value, Tensor):
        value.data.copy_(before)
    else:
        setattr(module, key, before)


def _numbers(value: Any, n_channels: int) -> tuple[float, ...] | None:
    """Return the numbers of a constant, one or one for each channel; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float | int):
        return (float(value),)
    if isinstance(value, np.ndarray) and value.dtype.kind == "f":
        value = torch.from_numpy(np.ascontiguousarray(value))
    if isinstance(value, Tensor) and value.is_floating_point():
        return tuple(value.detach().double().flatten().tolist()) if value.numel() in (1, n_channels) else None
    if isinstance(value, list | tuple) and len(value) in (1, n_channels):
        numbers = [number for number in value if isinstance(number, float | int) and not isinstance(number, bool)]
        return tuple(map(float, numbers)) if len(numbers) == len(value) else None
    return None


def normalization_among(tensors: Mapping[str, Tensor], n_channels: int) -> Standardization | None:
    """Return the constants of a normalization among tensors of a file that belong to no part of its network, if any.

    What they do cannot be tried without the code: the names have to say which is the mean.
    """
    for mean_name, std_name in permutations(tensors, 2):
        if mean_name.rpartition(".")[0] != std_name.rpartition(".")[0]:
            continue
        mean, std = (_numbers(tensors[name], n_channels) for name in (mean_name, std_name))
        keys = [name.rpartition(".")[2] for name in (mean_name, std_name)]
        if mean and std and min(std) > 0 and MEANS.fullmatch(keys[0]) and STDS.fullmatch(keys[1]):
            return Standardization(_for_all(mean, n_channels), _for_all(std, n_channels))
    return None


def is_normalization(name: str) -> bool:
    """Return whether a tensor of this name may be a constant of a normalization."""
    *parts, last = name.split(".")
    return bool(MEANS.fullmatch(last) or STDS.fullmatch(last)) or any(part in PARTS for part in parts)


def _for_all(values: tuple[float, ...], n_channels: int) -> tuple[float, ...]:
    return values if len(values) == n_channels else values * n_channels
