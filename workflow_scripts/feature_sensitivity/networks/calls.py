"""Calls of a network's modules: their values are read, or replaced, wherever in a pass they happen."""

import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from torch import Tensor, nn

from feature_sensitivity.runtime.errors import UserError


class Place(NamedTuple):
    """The input or the output (``side``) of one call of a module; the ``call`` is counted from 0 within a pass."""

    module: str
    side: str
    call: int = 0


class Reached(BaseException):
    """Ends a forward pass when all values are there; no error, so networks do not catch it."""


class _Reading:
    """What one pass has to read, and what it has read so far."""

    def __init__(self, wanted: Mapping[nn.Module, Sequence[Place]]) -> None:
        self.wanted = wanted
        self.counts: Counter[tuple[nn.Module, str]] = Counter()
        self.values: dict[Place, Any] = {}
        self.n_places = sum(map(len, wanted.values()))


# In a variable of the thread: on a CPU, several threads compute with one network.
_current = threading.local()


def let_read(network: nn.Module, places: Sequence[Place]) -> None:
    """Let :func:`values_at` read these places of a network, and of copies of it."""
    for place in places:
        module = network.get_submodule(place.module)
        if place.side == "input" and _read_input not in module._forward_pre_hooks.values():
            module.register_forward_pre_hook(_read_input, with_kwargs=True)
        elif place.side == "output" and _read_output not in module._forward_hooks.values():
            module.register_forward_hook(_read_output)


def values_at(network: nn.Module, places: Sequence[Place], x: Tensor) -> list[Tensor]:
    """Return the values at places for which :func:`let_read` was called; what lies behind them is not computed."""
    wanted: dict[nn.Module, list[Place]] = {}
    for place in places:
        wanted.setdefault(network.get_submodule(place.module), []).append(place)
    reading = _current.reading = _Reading(wanted)
    try:
        network(x)
    except Reached:
        return [reading.values[place] for place in places]
    finally:
        _current.reading = None
    raise UserError("a forward pass did not reach the layer of the features; name a layer that every pass computes")


def _read_input(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
    _read(module, "input", [*args, *kwargs.values()])


def _read_output(module: nn.Module, args: Any, output: Any) -> None:
    _read(module, "output", output)


def _read(module: nn.Module, side: str, value: Any) -> None:
    reading: _Reading | None = getattr(_current, "reading", None)
    if reading is None or module not in reading.wanted:
        return
    call = reading.counts[module, side]
    reading.counts[module, side] += 1
    for place in reading.wanted[module]:
        if place.side == side and place.call == call:
            reading.values[place] = first_tensor(value)
    if len(reading.values) == reading.n_places:
        raise Reached
    # A later operation of the pass may work in place.
    for place, read in reading.values.items():
        if place.side == side and place.call == call and isinstance(read, Tensor):
            reading.values[place] = read.clone()


@contextmanager
def replaced(network: nn.Module, values: Mapping[Place, Tensor]) -> Iterator[None]:
    """Let calls of modules take, or give, other values than they would."""
    counts: Counter[tuple[str, str]] = Counter()

    def replacement(name: str, side: str) -> Tensor | None:
        place = Place(name, side, counts[name, side])
        counts[name, side] += 1
        return values.get(place)

    def before(name: str) -> Any:
        def hook(module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
            value = replacement(name, "input")
            if value is None:
                return None
            if args:
                return (value, *args[1:]), kwargs
            return args, {**kwargs, next(iter(kwargs)): value}

        return hook

    def behind(name: str) -> Any:
        return lambda module, args, output: replacement(name, "output")

    handles = [
        network.get_submodule(name).register_forward_pre_hook(before(name), with_kwargs=True)
        if side == "input"
        else network.get_submodule(name).register_forward_hook(behind(name))
        for name, side in {(place.module, place.side) for place in values}
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


class Call(NamedTuple):
    """One call of a module, as it happened: its first input, and its first output."""

    module: str
    call: int
    input: Any
    output: Any


@contextmanager
def recorded(network: nn.Module, names: Sequence[str]) -> Iterator[list[Call]]:
    """Yield a list that fills with the calls of these modules, in their order; values are the very tensors."""
    calls: list[Call] = []
    counts: Counter[str] = Counter()

    def recorder(name: str) -> Any:
        def record(module: nn.Module, args: Any, kwargs: Any, output: Any) -> None:
            calls.append(Call(name, counts[name], first_tensor([*args, *kwargs.values()]), first_tensor(output)))
            counts[name] += 1

        return record

    handles = [network.get_submodule(name).register_forward_hook(recorder(name), with_kwargs=True) for name in names]
    try:
        yield calls
    finally:
        for handle in handles:
            handle.remove()


def first_tensor(values: Any) -> Any:
    """Return the first of nested lists and tuples."""
    while isinstance(values, tuple | list) and values:
        values = values[0]
    return values
