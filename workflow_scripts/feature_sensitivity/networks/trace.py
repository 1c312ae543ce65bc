"""The operations of one pass of a network, in their order: what made a tensor, and from what."""

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode


class Operation(NamedTuple):
    """A call of a function of PyTorch: its ``name``, how many of that name came before, and its tensors.

    ``parents``: what made each of its tensors, in the order of its arguments; None where that is not known.
    """

    name: str
    call: int
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    tensors: list[Tensor]
    parents: list["Operation | None"]
    shapes: list[tuple[int, ...]]
    output: Tensor
    in_place: bool


class Trace(TorchFunctionMode):
    """Records the functions of PyTorch that are called while it is active."""

    def __init__(self) -> None:
        super().__init__()
        self.made: dict[int, Operation] = {}
        self._counts: dict[str, int] = {}
        self._kept: list[Any] = []  # as long as they live, no other tensor has their id

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: tuple[Any, ...] = (), kwargs: Any = None
    ) -> Any:
        """Call the function, and record it if it makes a tensor."""
        kwargs = kwargs or {}
        tensors = list(_tensors([*args, *kwargs.values()]))
        parents = [self.made.get(id(tensor)) for tensor in tensors]
        shapes = [tuple(tensor.shape) for tensor in tensors]
        result = func(*args, **kwargs)
        name = plain_name(func)
        call = self._counts.get(name, 0)
        self._counts[name] = call + 1
        # Without a graph, as inside an autograd.Function, no gradient passes this operation.
        for output in _tensors(result) if torch.is_grad_enabled() else []:
            in_place = any(output is tensor for tensor in tensors)
            self.made[id(output)] = Operation(name, call, args, kwargs, tensors, parents, shapes, output, in_place)
            self._kept += [output, *tensors]
        return result

    def maker(self, tensor: Tensor) -> Operation | None:
        """Return what made a tensor; None where no function of PyTorch did."""
        return self.made.get(id(tensor))


def plain_name(func: Callable[..., Any]) -> str:
    """Return the name of a function, the same for ``torch.relu``, ``Tensor.relu`` and ``Tensor.relu_``."""
    return str(getattr(func, "__name__", func)).strip("_")


def _tensors(values: Any) -> list[Tensor]:
    if isinstance(values, Tensor):
        return [values]
    if isinstance(values, list | tuple):
        return [tensor for value in values for tensor in _tensors(value)]
    return []
