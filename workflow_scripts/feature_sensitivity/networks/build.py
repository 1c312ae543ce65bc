"""Networks by name: built-in ones, those of torchvision, timm and RobustBench, and those of the user's code."""

import difflib
import inspect
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from torch import Tensor, nn

from feature_sensitivity.config.architectures import BUILT_IN, built_in, with_width
from feature_sensitivity.networks import architectures, robustbench
from feature_sensitivity.networks.libraries import near_names, not_installed
from feature_sensitivity.networks.user_code import network_of_function
from feature_sensitivity.runtime.errors import UserError


def build(architecture: Mapping[str, Any]) -> nn.Module:
    """Return a new network from ``{"name": ...}`` and the keyword arguments of what the name stands for.

    Raises :class:`UserError` when there is none of that name, or the arguments do not fit.
    """
    arguments = dict(architecture)
    name = str(arguments.pop("name"))
    if entry := built_in(name):
        network = getattr(architectures, entry.network)
        return _with_arguments(name, partial(network, **entry.sizes_in(name) or {}), arguments)
    source, _, rest = name.partition(":")
    match source:
        case "torchvision":
            return _from_torchvision(name, rest, arguments)
        case "timm":
            return _from_timm(name, rest, arguments)
        case "robustbench":
            return robustbench.without_weights(rest, arguments)
    if ":" in name:
        return network_of_function(name, arguments)
    known = [entry.name for entry in BUILT_IN]
    near = difflib.get_close_matches(name, known, n=1) or known
    raise UserError(
        f"architecture is {name!r}; write {', '.join(near)}, torchvision:NAME, timm:NAME, robustbench:NAME, "
        "path/file.py:function or package.module:function"
    )


def with_sizes(architecture: Mapping[str, Any], *, width: int, in_channels: int, n_classes: int) -> dict[str, Any]:
    """Return an architecture with the sizes that it takes and does not give itself.

    The user's own functions get the arguments that are written, and no others.
    """
    name = str(architecture["name"])
    sizes: dict[str, Any] = {}
    if built_in(name):
        sizes = {"in_channels": in_channels, "n_classes": n_classes}
    elif name.startswith("torchvision:"):
        sizes = {"num_classes": n_classes}
    elif name.startswith("timm:"):
        sizes = {"num_classes": n_classes, "in_chans": in_channels}
    return {**sizes, **with_width(architecture, width)}


def built_in_arguments(name: str, weights: Mapping[str, Tensor]) -> dict[str, Any]:
    """Return the arguments of a built-in network that has these weights; KeyError or ValueError if none has."""
    entry = built_in(name)
    if entry is None:
        raise KeyError(name)
    return getattr(architectures, entry.network).arguments_from(weights)


def _with_arguments(name: str, function: Callable[..., nn.Module], arguments: Mapping[str, Any]) -> nn.Module:
    try:
        inspect.signature(function).bind(**arguments)
    except TypeError as error:
        known = ", ".join(inspect.signature(function).parameters)
        raise UserError(f"architecture {name}: {error}; its arguments are {known}") from error
    try:
        return function(**arguments)
    except Exception as error:  # whatever a library's constructor raises
        reason = " ".join(str(error).split())[:300]
        raise UserError(f"architecture {name}: {reason}") from error


def _from_torchvision(name: str, model: str, arguments: Mapping[str, Any]) -> nn.Module:
    from torchvision import models

    known = models.list_models()
    if model not in known:
        raise UserError(f"torchvision has no network {model!r}; {near_names(model, known)}")
    return _with_arguments(name, partial(models.get_model_builder(model), weights=None), arguments)


def _from_timm(name: str, model: str, arguments: Mapping[str, Any]) -> nn.Module:
    try:
        import timm
    except ImportError as error:
        raise not_installed("timm") from error
    if not timm.is_model(model):
        raise UserError(f"timm has no network {model!r}; {near_names(model, timm.list_models())}")
    return _with_arguments(name, partial(timm.create_model, model, pretrained=False), arguments)
