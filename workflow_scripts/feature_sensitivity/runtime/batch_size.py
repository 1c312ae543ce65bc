"""What to do when memory runs out: continue with half the batch."""

import logging
import math
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import TypeVar

from feature_sensitivity.runtime.devices import free_cached_memory
from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.runtime.out_of_memory import is_out_of_memory

logger = logging.getLogger(__name__)

T = TypeVar("T")

SMALL = 32 * 32
"""Pixels of an image of which as many are computed at a time as is asked."""


def fitting_rows(rows: int, size: Sequence[int]) -> int:
    """Return how many images of a height and width are computed at a time where small ones are ``rows``.

    There are fewer of larger images, at least 8: where the memory of a CPU ends, the system ends the process unasked,
    and on a GPU every halving costs an attempt.
    """
    return max(min(8, rows), min(rows, rows * SMALL // math.prod(size)))


class BatchSize:
    """How many rows are computed at a time; halved whenever memory runs out.

    ``key`` is the entry of the config that sets it, if there is one, for messages.
    """

    def __init__(self, rows: int, *, key: str | None = None) -> None:
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
            free_cached_memory()  # not before: the error holds on to the tensors of the failed attempt

    def _halve_after(self, error: RuntimeError) -> None:
        if not is_out_of_memory(error):
            raise error
        if self.rows == 1:
            raise UserError(
                f"there is too little memory for a single image; free some, or use another device ({error})"
            ) from error
        self.rows //= 2
        advice = f"; write {self._key}: {self.rows} to start with that" if self._key else ""
        logger.warning("out of memory: continuing with %d rows at a time%s", self.rows, advice)
