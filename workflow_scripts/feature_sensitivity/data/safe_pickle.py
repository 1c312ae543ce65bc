"""Pickles of NumPy arrays, read without running code: an ordinary unpickler does whatever a pickle says."""

import io
import pickle
from typing import Any


def load_arrays(content: bytes) -> Any:
    """Return what a pickle holds, be it of Python 2 or 3, if that is nothing but NumPy arrays and builtins.

    Raises :class:`pickle.UnpicklingError` when it asks for anything else, and whatever else damaged pickles raise.
    """
    return _ArraysOnly(io.BytesIO(content), encoding="latin1").load()


class _ArraysOnly(pickle.Unpickler):
    ALLOWED = frozenset(
        [
            ("numpy", "ndarray"),
            ("numpy", "dtype"),
            ("numpy.core.multiarray", "_reconstruct"),
            ("numpy._core.multiarray", "_reconstruct"),
            ("numpy._core.numeric", "_frombuffer"),
            ("_codecs", "encode"),
        ]
    )

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self.ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)
