"""The activation before the features: what bounds them, and a straight-through gradient where it has none."""

import math
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from feature_sensitivity.networks.calls import Call, Place, recorded
from feature_sensitivity.networks.feature_layer import FeatureLayer
from feature_sensitivity.networks.trace import Operation, Trace, plain_name

KEEPS_BOUNDS = {
    "adaptive_avg_pool1d", "adaptive_avg_pool2d", "adaptive_avg_pool3d", "avg_pool2d", "max_pool2d",
    "adaptive_max_pool2d", "mean", "amax", "flatten", "view", "view_as", "reshape", "squeeze", "unsqueeze",
    "contiguous", "permute", "transpose", "dropout", "getitem", "select", "clone", "float", "to",
}  # fmt: skip
"""Operations whose output lies between the bounds of their input."""

BOUNDS: dict[str, tuple[float, float]] = {
    "relu": (0, math.inf), "relu6": (0, 6), "hardsigmoid": (0, 1), "sigmoid": (0, 1), "softmax": (0, 1),
    "hardswish": (-3 / 8, math.inf), "softplus": (0, math.inf),
}  # fmt: skip
"""The least and the greatest value of activations; of some others their arguments decide."""

FLAT = {"relu", "relu6", "hardsigmoid", "hardswish", "hardtanh", "clamp", "clamp_min", "clamp_max", "clip",
        "threshold", "hardshrink", "softshrink", "maximum", "minimum"}  # fmt: skip
"""Activations whose gradient is exactly zero somewhere."""


class Activation(NamedTuple):
    """An activation before the features, and where its gradient can be replaced.

    ``minimum``, ``maximum``: no feature lies beyond them. The output of the ``call``-th operation called ``operation``
    gets the gradient of the identity to the first input of the ``input_call``-th one called ``input_operation``, or
    ``module`` does, a module of the user's; all None where no gradient is zero.
    """

    minimum: float = -math.inf
    maximum: float = math.inf
    operation: str | None = None
    call: int = 0
    input_operation: str | None = None
    input_call: int = 0
    module: Place | None = None

    @property
    def has_surrogate(self) -> bool:
        """Whether the gradient can be replaced."""
        return self.operation is not None or self.module is not None


def find_activation(network: nn.Module, layer: FeatureLayer, x: Tensor) -> Activation:
    """Return the activation whose outputs, or averages of them, are the features of images [n, ...]."""
    if len(layer.sources) > 1:
        return Activation()
    place = layer.places[0]
    names = [name for name, _ in network.named_modules()]
    points = x.clone().requires_grad_()
    with torch.enable_grad(), recorded(network, names) as calls, Trace() as trace:
        network(points)
    read = next(call for call in calls if call[:2] == (place.module, place.call))
    value = read.input if place.side == "input" else read.output
    made = trace.maker(value)
    while isinstance(value, Tensor):
        if made is not None and (found := _activation(made)) is not None:
            return found
        # Modules inside others give the same tensor: the innermost one comes first.
        module = next((call for call in calls if call.output is value), None)
        if module is not None and _is_gate(module):
            return Activation(module=Place(module.module, "output", module.call))
        if made is None or made.name not in KEEPS_BOUNDS or not made.tensors:
            break
        value, made = made.tensors[0], made.parents[0]
    return Activation()


def _activation(made: Operation) -> Activation | None:
    name = made.name
    low, high = _bounds(made)
    if name in FLAT:
        return Activation(low, high, name, made.call, name, made.call)
    if name in BOUNDS:
        return Activation(low, high)
    if name in ("mul", "rmul") and len(made.tensors) == 2:
        gates = [_is_mask(tensor) for tensor in made.tensors]
        if gates == [False, True]:  # JumpReLU: what passes a threshold
            return Activation(operation=name, call=made.call, input_operation=name, input_call=made.call)
    if name in ("where", "masked_fill") and _passes_or_zero(made):
        return Activation(operation=name, call=made.call, input_operation=name, input_call=made.call)
    if name.startswith("scatter"):  # TopK: the largest ones, put back in their places
        top = _ancestor(made, "topk")
        if top is not None and top.shapes[0] == tuple(made.output.shape):
            low = 0.0 if _ancestor(made, "relu") is not None else -math.inf
            return Activation(low, math.inf, name, made.call, "topk", top.call)
    return None


def _bounds(made: Operation) -> tuple[float, float]:
    """Return the least and the greatest value that an operation can give."""
    arguments = [*made.args[1:], *made.kwargs.values()]
    match made.name:
        case "clamp" | "clip" | "hardtanh" | "clamp_min" | "clamp_max":
            keys = {"min": 0, "min_val": 0, "max": 1, "max_val": 1}
            ends: list[Any] = [-1.0, 1.0] if made.name == "hardtanh" else [None, None]
            positions = {"clamp_min": [0], "clamp_max": [1]}.get(made.name, [0, 1])
            for position, value in zip(positions, made.args[1:], strict=False):
                ends[position] = value
            for key, value in made.kwargs.items():
                if key in keys:
                    ends[keys[key]] = value
            low, high = (end if isinstance(end, int | float) else None for end in ends)
            return (-math.inf if low is None else float(low), math.inf if high is None else float(high))
        case "maximum" | "minimum":
            other = [tensor for tensor in made.tensors[1:] if tensor.numel() == 1 and not tensor.requires_grad]
            if other:
                end = float(other[0])
                return (end, math.inf) if made.name == "maximum" else (-math.inf, end)
        case "threshold":
            if len(arguments) > 1 and arguments[0] >= arguments[1]:
                return float(arguments[1]), math.inf
    return BOUNDS.get(made.name, (-math.inf, math.inf))


def _is_mask(tensor: Tensor) -> bool:
    """Return whether a tensor lets values pass or not, and has no gradient itself."""
    return not tensor.requires_grad and tensor.numel() > 1 and bool(((tensor == 0) | (tensor == 1)).all())


def _passes_or_zero(made: Operation) -> bool:
    """Return whether each value of the output is that of the one input of its shape, or 0."""
    inputs = [tensor for tensor in made.tensors if tensor.shape == made.output.shape and tensor.requires_grad]
    return len(inputs) == 1 and bool(((made.output == inputs[0]) | (made.output == 0)).all())


def _ancestor(made: Operation, name: str) -> Operation | None:
    """Return the next operation of this name before another one, along what keeps values apart."""
    waiting = [parent for parent in made.parents if parent is not None]
    for _ in range(8):
        if not waiting:
            return None
        operation = waiting.pop(0)
        if operation.name == name:
            return operation
        waiting += [parent for parent in operation.parents if parent is not None]
    return None


def _is_gate(call: Call) -> bool:
    """Return whether a module gives each value of its input, or 0 in its place."""
    before, after = call.input, call.output
    return (
        isinstance(before, Tensor)
        and isinstance(after, Tensor)
        and before is not after
        and before.shape == after.shape
        and bool(((after == before) | (after == 0)).all())
        and bool(((after == 0) & (before != 0)).any())
    )


class _StraightThrough(TorchFunctionMode):
    """Gives one operation the gradient of the identity, in all rows or in those of a mask; values stay."""

    def __init__(self, activation: Activation, rows: Literal[True] | Tensor) -> None:
        super().__init__()
        self.activation, self.rows = activation, rows
        self.counts: dict[str, int] = {}
        self.input: Tensor | None = None

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        kwargs = kwargs or {}
        name = plain_name(func)
        activation = self.activation
        if name not in (activation.operation, activation.input_operation):
            return func(*args, **kwargs)
        call = self.counts.get(name, 0)
        self.counts[name] = call + 1
        if (name, call) == (activation.input_operation, activation.input_call):
            self.input = _moving_input(args)
        if (name, call) != (activation.operation, activation.call) or self.input is None:
            return func(*args, **kwargs)
        works_in_place = str(getattr(func, "__name__", "")).endswith("_") or kwargs.get("inplace") is True
        if self.input is not args[0]:
            result = straight_through(func(*args, **kwargs), self.input, self.rows)
            return args[0].copy_(result) if works_in_place else result
        # Of a copy, since the operation may work in place, where the input is needed again.
        result = func(args[0].clone(), *args[1:], **kwargs)
        result = straight_through(result, args[0], self.rows)
        return args[0].copy_(result) if works_in_place else result


def _moving_input(args: tuple[Any, ...]) -> Tensor | None:
    """Return the tensor among arguments that gradients pass through."""
    tensors = [value for value in args if isinstance(value, Tensor)]
    moving = [tensor for tensor in tensors if tensor.requires_grad and tensor.is_floating_point()]
    return moving[0] if moving else next(iter(tensors), None)


_module_rows = threading.local()


def let_pass_through(network: nn.Module, activation: Activation) -> None:
    """Let :func:`passing_through` replace the gradient at a module of a network, and of copies of it."""
    if activation.module is not None:
        module = network.get_submodule(activation.module.module)
        if _at_module not in module._forward_hooks.values():
            module.register_forward_hook(_at_module, with_kwargs=True)


def _at_module(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any], output: Any) -> Any:
    rows = getattr(_module_rows, "rows", None)
    if rows is None or module is not _module_rows.module:
        return None
    _module_rows.call += 1
    if _module_rows.call != _module_rows.wanted + 1:
        return None
    return straight_through(output, next(iter([*args, *kwargs.values()])), rows)


@contextmanager
def passing_through(network: nn.Module, activation: Activation, rows: bool | Tensor) -> Iterator[None]:
    """Let gradients pass the activation as the identity, in all rows, in none, or in those of a mask, bool [n]."""
    if rows is False:
        yield
    elif activation.module is not None:
        _module_rows.rows, _module_rows.call = rows, 0
        _module_rows.module = network.get_submodule(activation.module.module)
        _module_rows.wanted = activation.module.call
        try:
            yield
        finally:
            _module_rows.rows = None
    elif activation.operation is not None:
        with _StraightThrough(activation, rows):
            yield
    else:
        yield


def straight_through(output: Tensor, values: Tensor, rows: Literal[True] | Tensor) -> Tensor:
    """Return the output of an activation of values, with the gradient of the identity in some rows."""
    # The difference is 0, so that the values of the output stay as they are.
    through = output.detach() + (values - values.detach())
    return through if rows is True else torch.where(rows.view(-1, *[1] * (output.ndim - 1)), through, output)
