"""Rows worked through by one batch of slots on a GPU, or by one on each core of a CPU.

This way no core waits for another after every operation, and the activations of its rows stay in its cache.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from queue import SimpleQueue
from typing import Generic, TypeVar

import torch
from torch import Tensor

from feature_sensitivity.attacks.slots import RowQueue, RowStates, RowTask, Slots, Turn
from feature_sensitivity.runtime.cpu_workers import one_core_each

S = TypeVar("S", bound=RowStates)


def batch_for_each_core(batch_size: int, n_rows: int, device: torch.device) -> list[int]:
    """Return the sizes of the workers' batches: ``batch_size`` on a GPU and on each core, but no idle workers."""
    n_cores = torch.get_num_threads() if device.type == "cpu" else 1
    return [batch_size] * max(1, min(n_cores, n_rows // batch_size))


def batch_for_all_cores(batch_size: int, n_rows: int, device: torch.device) -> list[int]:
    """Return the sizes of the workers' batches: equal ones on every core, which make up ``batch_size``."""
    n_cores = min(torch.get_num_threads(), batch_size) if device.type == "cpu" else 1
    return [-(-batch_size // n_cores)] * n_cores


class RowWorkers(Generic[S]):
    """Workers, each with its own slots, that take from one queue of rows, int64 [n].

    ``resumed``: the states of rows in progress, by row, from which to continue. ``failed``: an error ended a worker,
    perhaps in the middle of a step, so that its rows in progress are of no use.
    """

    def __init__(self, task: RowTask[S], rows: Tensor, *, batch_sizes: Sequence[int], resumed: Mapping[int, S]) -> None:
        self._device = task.device
        self._queue = RowQueue(rows)
        self._resumed = dict(resumed)
        self.failed = False
        self._turns: SimpleQueue[Turn[S] | None] = SimpleQueue()
        self._slots = [Slots(task, size) for size in batch_sizes]

    def turns(self) -> Iterator[Turn[S]]:
        """Yield what the workers do, as they do it; whoever stops listening stops them, at the end of their step."""

        def work(slots: Slots[S]) -> None:
            try:
                with torch.cuda.device(self._device) if self._device.type == "cuda" else nullcontext():
                    for turn in slots.work(self._queue, self._resumed):
                        self._turns.put(turn)
            except BaseException:
                self.failed = self._queue.closed = True
                raise
            finally:
                self._turns.put(None)

        with one_core_each(len(self._slots)) as pool:
            workers = [pool.submit(work, slots) for slots in self._slots]
            try:
                for _ in workers:
                    yield from iter(self._turns.get, None)
            finally:
                self._queue.closed = True
        for worker in workers:
            worker.result()

    def unheard(self) -> Iterator[Turn[S]]:
        """Yield what workers that were stopped had done already, but nobody had listened to yet."""
        while not self._turns.empty():
            turn = self._turns.get()
            if turn is not None:
                yield turn

    def in_progress(self) -> tuple[Tensor, S]:
        """Return the numbers, int64 [n], and the states of the rows in progress, each between two steps."""
        (rows, states), *others = [slots.in_progress() for slots in self._slots]
        for more_rows, more_states in others:
            rows, states = torch.cat([rows, more_rows]), states.joined(more_states)
        return rows, states
