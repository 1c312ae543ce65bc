"""What to do when memory runs out: continue with half the batch."""

import logging
from collections.abc import Callable, Generator, Iterator
from typing import TypeVar

import torch

from feature_sensitivity.runtime.errors import UserError

logger = logging.getLogger(__name__)

T = TypeVar("T")

OUT_OF_MEMORY = (
    "OutOfMemoryError",  # PyTorch on a GPU
    "DefaultCPUAllocator",  # PyTorch on a CPU
    "STATUS_ALLOC_FAILED",  # cuDNN and cuBLAS
    "unable to find an engine to execute this computation",  # cuDNN, when no algorithm's workspace fits
)
"""Texts by which an error message shows that memory ran out."""


class BatchSize:
    """How many rows are computed at a time; halved whenever memory runs out.

    ``key`` is the entry of the config that sets it, for messages.
    """

    def __init__(self, rows: int, *, key: str) -> None:
        self.rows = rows
        self._key = key

    def fit(self, attempt: Callable[[int], T]) -> T:
        """Return ``attempt(rows)``, as :meth:`fit_each` yields it."""
        (result,) = self.fit_each(lambda rows: iter((attempt(rows),)))
        return result

    def fit_each(self, attempt: Callable[[int], Iterator[T]]) -> Generator[T]:
        """Yield what ``attempt(rows)`` yields; after memory ran out, begin again with half the rows.

        Raises :class:`UserError` when memory is too small for a single row.
        """
        while True:
            try:
                yield from attempt(self.rows)
                return
            except RuntimeError as error:
                self._halve_after(error)
            torch.cuda.empty_cache()  # not before: the error holds on to the tensors of the failed attempt

    def _halve_after(self, error: RuntimeError) -> None:
        if not any(text in f"{type(error).__name__}: {error}" for text in OUT_OF_MEMORY):
            raise error
        if self.rows == 1:
            raise UserError(
                f"there is too little memory for a single image; free some, or use another device ({error})"
            ) from error
        self.rows //= 2
        logger.warning(
            "out of memory: continuing with %d rows at a time; write %s: %d to start with that",
            self.rows,
            self._key,
            self.rows,
        )
