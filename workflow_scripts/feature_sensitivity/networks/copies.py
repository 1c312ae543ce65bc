"""Copies of a network, also of one that keeps on itself what its layers computed, or what cannot be copied."""

import copy
import threading
from collections.abc import Iterator
from typing import Any, Generic, TypeVar

from torch import Tensor, nn

N = TypeVar("N", bound=nn.Module)


def copied(network: N) -> N:
    """Return a copy with weights of its own."""
    # Python's deepcopy refuses tensors with a history, which are left from the last pass.
    left_over = {id(tensor): tensor.detach() for tensor in _tensors_of(network) if not tensor.is_leaf}
    return _deep_copy(network, left_over)


class ThreadCopies(Generic[N]):
    """Copies of a network, one for each thread that asks, so that none mixes what threads leave on it.

    All have the same tensors as weights.
    """

    def __init__(self, network: N) -> None:
        self._network = network
        self._copies = threading.local()

    def mine(self) -> N:
        """Return the copy of the thread that asks."""
        if not hasattr(self._copies, "network"):
            shared = {id(tensor): tensor for tensor in _tensors_of(self._network)}
            self._copies.network = _deep_copy(self._network, shared)
        network: N = self._copies.network
        return network


def _deep_copy(network: N, given: dict[int, Any]) -> N:
    """Return a copy in which what is ``given``, by id, stands for itself.

    So does what cannot be copied, such as a lock, an open file or a generator.
    """
    try:
        return copy.deepcopy(network, dict(given))
    except Exception:  # whatever an object raises that refuses to be copied
        shared = {id(value): value for module in network.modules() for value in _not_copied(module, given)}
        return copy.deepcopy(network, {**given, **shared})


def _not_copied(module: nn.Module, given: dict[int, Any]) -> Iterator[Any]:
    """Yield the objects on a module that refuse to be copied."""
    for name, value in vars(module).items():
        if name in ("_modules", "_parameters", "_buffers") or isinstance(value, nn.Module):
            continue
        try:
            copy.deepcopy(value, dict(given))
        except Exception:  # as above
            yield value


def _tensors_of(network: nn.Module) -> Iterator[Tensor]:
    """Yield weights, buffers, and what the last pass has left."""
    for module in network.modules():
        yield from _tensors_in(vars(module))


def _tensors_in(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict | list | tuple):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _tensors_in(item)
