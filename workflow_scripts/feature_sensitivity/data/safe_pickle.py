"""Pickles of NumPy arrays, read without running code: an ordinary unpickler does whatever a pickle says.

Nor does NumPy rebuild the arrays, which it does in ways that trust the pickle: an array of objects is made of whatever
pointers the file holds. Here a pickle describes arrays, and the numbers are read from its bytes.
"""

import io
import pickle
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

NUMBERS = "biuf"
"""Kinds of NumPy types that hold plain numbers: booleans, integers, floats."""


def load_arrays(content: bytes) -> Any:
    """Return what a pickle holds, be it of Python 2 or 3, if that is nothing but arrays of numbers and builtins.

    An array is returned as a :class:`PickledArray`, which :func:`numpy.asarray` takes.
    Raises :class:`pickle.UnpicklingError` when the pickle asks for anything else, and whatever else damaged pickles
    raise.
    """
    return _ArraysOnly(io.BytesIO(content), encoding="latin1").load()


class _PickledType:
    """A type of numbers, from its name and, in a second step of the pickle, its byte order."""

    def __init__(self, name: str, *_flags: Any) -> None:
        self.dtype = np.dtype(str(name))
        if self.dtype.kind not in NUMBERS:
            raise pickle.UnpicklingError(f"it holds an array of {self.dtype}, not of numbers")

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.dtype = self.dtype.newbyteorder(state[1])


class PickledArray:
    """An array of numbers, from its bytes."""

    def __init__(self, *_prototype: Any) -> None:
        self._values: NDArray[Any] = np.empty(0)

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        _, shape, kind, is_fortran, content = state
        self._values = _values(content, kind, shape, "F" if is_fortran else "C")

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return self._values.astype(dtype or self._values.dtype)


def _from_buffer(content: Any, kind: _PickledType, shape: Any, order: str) -> PickledArray:
    array = PickledArray()
    array.__setstate__((1, shape, kind, order == "F", content))
    return array


def _values(content: Any, kind: _PickledType, shape: Any, order: Any) -> NDArray[Any]:
    # Python 2 wrote texts, which the encoding above turns into characters of one byte each.
    data = content.encode("latin1") if isinstance(content, str) else bytes(content)
    return np.frombuffer(data, kind.dtype).reshape(shape, order=order)


def _encode(text: str, encoding: str) -> bytes:
    """Return what Python 3 wrote for old readers: bytes as characters of one byte each."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"it asks for the encoding {encoding}")
    return text.encode("latin1")


class _ArraysOnly(pickle.Unpickler):
    STAND_INS: Mapping[tuple[str, str], Callable[..., Any] | type] = {
        ("numpy", "ndarray"): object,  # only named, as the kind of array that is to be rebuilt
        ("numpy", "dtype"): _PickledType,
        ("numpy._core.multiarray", "_reconstruct"): PickledArray,
        ("numpy._core.numeric", "_frombuffer"): _from_buffer,
        ("_codecs", "encode"): _encode,
    }

    def find_class(self, module: str, name: str) -> Any:
        key = (module.replace("numpy.core", "numpy._core"), name)
        if key not in self.STAND_INS:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return self.STAND_INS[key]
