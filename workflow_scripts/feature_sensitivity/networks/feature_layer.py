"""Which numbers inside a network are its features: a module's output, or the input of its last linear layer."""

import difflib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from feature_sensitivity.runtime.errors import UserError

CLASS_TOKENS = ("class_token", "cls_token")
"""Parameters whose presence means that the first token stands for the class (torchvision, timm)."""


@dataclass(frozen=True)
class FeatureLayer:
    """Where features are read, and the linear layer whose inputs they are, if there is one.

    ``side``: ``input`` or ``output`` of ``module``. ``positions``: ``vector`` for values [n, n_features]; of a map
    [n, channels, ...] or of tokens [n, tokens, n_features] the ``mean``, the ``class`` token, ``all`` of them, or the
    indices of one, as ``"3,4"``.
    """

    module: str
    side: str
    positions: str
    linear: str | None
    n_features: int

    def as_features(self, values: Tensor) -> Tensor:
        """Return values at the layer [n, ...] as features [n, n_features]."""
        return _at_positions(values, self.positions)


class Reached(BaseException):
    """Ends a forward pass at the feature layer, with the values there; no error, so networks do not catch it."""

    def __init__(self, values: Any) -> None:
        self.values = values


_wanted = threading.local()


def stop_at(module: nn.Module, side: str) -> None:
    """Let every forward pass inside :func:`values_at` this module end there."""
    if side == "input":
        module.register_forward_pre_hook(_stop_before, with_kwargs=True)
    else:
        module.register_forward_hook(_stop_behind)


def values_at(module: nn.Module, network: nn.Module, x: Tensor) -> Tensor:
    """Return the values at a module for which :func:`stop_at` was called; what lies behind it is not computed."""
    # In a variable of the thread: on a CPU, several threads compute with one network.
    _wanted.module = module
    try:
        network(x)
    except Reached as reached:
        return reached.values
    finally:
        _wanted.module = None
    raise RuntimeError("the forward pass did not reach the feature layer")


def _stop_before(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    if getattr(_wanted, "module", None) is module:
        raise Reached(_first([*args, *kwargs.values()]))


def _stop_behind(module: nn.Module, args: Any, output: Any) -> None:
    if getattr(_wanted, "module", None) is module:
        raise Reached(_first(output))


def _first(values: Any) -> Any:
    while isinstance(values, tuple | list) and values:
        values = values[0]
    return values


def find_feature_layer(
    network: nn.Module, example: Tensor, *, layer: str | None = None, positions: str | None = None
) -> FeatureLayer:
    """Return where the features of a network in eval mode are, from one pass of ``example`` [n, channels, h, w].

    Args:
        network: returns logits [n, n_classes].
        example: a few images.
        layer: the name of a module, whose output has the features; None: the input of the last linear layer, or
            the logits where there is none.
        positions: ``mean``, ``all``, or indices such as ``"3,4"``; None: the mean, or the class token where there is
            one.

    Raises :class:`UserError` when there is no such layer, or the images do not fit the network.
    """
    modules = dict(network.named_modules())
    if layer is not None and (layer == "" or layer not in modules):
        near = difflib.get_close_matches(layer, modules, n=3) or [name for name in modules if "." not in name and name]
        raise UserError(f"layer is {layer!r}, which the network does not have; write one of {', '.join(near)}")
    with _recorded_calls(modules, layer) as calls:
        logits = forward(network, example)
    linear, linear_input, linear_output = _last_linear(modules, calls, logits)
    if layer is None:
        # Without a linear layer, the output of the network itself.
        found, side, values = (linear, "input", linear_input) if linear else ("", "output", logits)
    else:
        reached = [output for name, _, output in calls if name == layer]
        if len(reached) != 1:
            times = f"is computed {len(reached)} times in a pass" if reached else "takes no part in a pass"
            raise UserError(f"layer is {layer!r}, which {times}; name another module")
        found, side, values = layer, "output", reached[0]
    if not isinstance(values, Tensor) or values.ndim < 2 or len(values) != len(example):
        raise UserError(f"layer {found!r} gives no tensor with a row for each image; name another module")
    resolved = _resolved_positions(network, values, positions, found)
    features = _at_positions(values, resolved)
    if linear is not None and not _is_input_of(modules[linear], features, linear_output):
        linear = None
    return FeatureLayer(found, side, resolved, linear, features.shape[1])


@torch.no_grad()
def forward(network: nn.Module, example: Tensor) -> Tensor:
    """Return logits [n, n_classes] of a few images; UserError when the network refuses them or gives something else."""
    size = " x ".join(map(str, example.shape[1:]))
    try:
        logits = network(example)
    except Exception as error:  # whatever the code of a network raises
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"the network does not take images of {size} ({type(error).__name__}: {reason}); give it images of the "
            "size and the channels that it was made for"
        ) from error
    if not isinstance(logits, Tensor) or logits.ndim != 2 or len(logits) != len(example):
        shape = f"a tensor {list(logits.shape)}" if isinstance(logits, Tensor) else f"a {type(logits).__name__}"
        raise UserError(
            f"for {len(example)} images of {size} the network returns {shape}; it must return logits, "
            "[n_images, n_classes]"
        )
    return logits


Call = tuple[str, Any, Any]


@contextmanager
def _recorded_calls(modules: dict[str, nn.Module], layer: str | None) -> Iterator[list[Call]]:
    """Yield a list that fills with (name, input, output) of the linear layers and of ``layer``, in their order."""
    calls: list[Call] = []

    def recorder(name: str) -> Any:
        # Cloned: a later operation may work in place.
        def record(module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
            calls.append((name, _first([*args, *kwargs.values()]), _cloned(_first(output))))

        return record

    watched = [name for name, module in modules.items() if name == layer or isinstance(module, nn.Linear)]
    handles = [modules[name].register_forward_hook(recorder(name), with_kwargs=True) for name in watched]
    try:
        yield calls
    finally:
        for handle in handles:
            handle.remove()


def _cloned(value: Any) -> Any:
    return value.clone() if isinstance(value, Tensor) else value


def _last_linear(modules: dict[str, nn.Module], calls: list[Call], logits: Tensor) -> tuple[str | None, Any, Any]:
    """Return the last linear layer that was computed with as many outputs as there are classes: name, input, output."""
    for name, values, output in reversed(calls):
        module = modules[name]
        if isinstance(module, nn.Linear) and module.out_features == logits.shape[1]:
            return name, values, output
    return None, None, None


def _is_input_of(linear: nn.Module, features: Tensor, output: Tensor) -> bool:
    """Return whether the linear layer makes its output, or the mean of it over tokens, from these features."""
    if not isinstance(linear, nn.Linear) or features.shape[1] != linear.in_features:
        return False
    output = output.flatten(1, -2).mean(dim=1) if output.ndim > 2 else output
    with torch.no_grad():
        return torch.allclose(nn.functional.linear(features, linear.weight, linear.bias), output, rtol=1e-4, atol=1e-5)


def _resolved_positions(network: nn.Module, values: Tensor, positions: str | None, layer: str) -> str:
    if values.ndim == 2:
        if positions not in (None, "mean", "all"):
            raise UserError(f"positions is {positions!r}, but layer {layer!r} gives one vector; write null")
        return "vector"
    if positions is None:
        has_class_token = any(name.rpartition(".")[2] in CLASS_TOKENS for name, _ in network.named_parameters())
        return "class" if values.ndim == 3 and has_class_token else "mean"
    if positions not in ("mean", "all"):
        sizes = list(values.shape[1:2] if values.ndim == 3 else values.shape[2:])
        index = [int(part) for part in positions.split(",")]
        if len(index) != len(sizes) or any(i >= size for i, size in zip(index, sizes, strict=True)):
            raise UserError(
                f"positions is {positions!r}, but layer {layer!r} has positions {' x '.join(map(str, sizes))}, counted "
                "from 0; write one of them, mean, or all"
            )
    return positions


def _at_positions(values: Tensor, positions: str) -> Tensor:
    match positions:
        case "vector":
            return values
        case "all":
            return values.flatten(1)
        case "class":
            return values[:, 0]
        case "mean":
            return values.mean(dim=1) if values.ndim == 3 else values.flatten(2).mean(dim=2)
        case _:
            index = [int(part) for part in positions.split(",")]
            for place in index:  # the first position is dimension 1 of tokens, 2 of maps
                values = values.select(1 if len(index) == 1 else 2, place)
            return values
