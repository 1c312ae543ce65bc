"""Rows worked through by one batch of slots on a GPU, or by one on each core of a CPU.

This way no core waits for another after every operation, and the activations of its rows stay in its cache.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from functools import reduce
from queue import SimpleQueue
from typing import Generic, TypeVar

import torch
from torch import Tensor

from feature_sensitivity.attacks.slots import Round, RowQueue, RowStates, RowTask, Slots
from feature_sensitivity.runtime.cpu_workers import one_core_each
from feature_sensitivity.runtime.devices import computing_on, n_workers

S = TypeVar("S", bound=RowStates)

ROUNDS_AHEAD = 8


def batch_for_each_core(batch_size: int, n_rows: int, device: torch.device) -> list[int]:
    """Return the sizes of the workers' batches: ``batch_size`` on a GPU and on each core, but no idle workers."""
    return [batch_size] * max(1, min(n_workers(device), n_rows // batch_size))


def batch_for_all_cores(batch_size: int, n_rows: int, device: torch.device) -> list[int]:
    """Return the sizes of the workers' batches: equal ones on every core, which make up ``batch_size``.

    They do not depend on the number of rows, since rounding may depend on the size of a batch.
    """
    n_cores = min(n_workers(device), batch_size)
    return [-(-batch_size // n_cores)] * n_cores


class RowWorkers(Generic[S]):
    """Workers, each with its own slots, that take from one queue of rows, int64 [n].

    ``resumed``: the states of rows in progress, by row, from which to continue.
    """

    def __init__(self, task: RowTask[S], rows: Tensor, *, batch_sizes: Sequence[int], resumed: Mapping[int, S]) -> None:
        self._device = task.device
        self._queue = RowQueue(rows)
        self._resumed = dict(resumed)
        self._rounds: SimpleQueue[Round[S] | None] = SimpleQueue()
        # Workers wait for a slow reader rather than run ahead of it.
        self._room = threading.Semaphore(ROUNDS_AHEAD)
        self._slots = [Slots(task, size) for size in batch_sizes]

    def rounds(self) -> Iterator[Round[S]]:
        """Yield the workers' rounds as they end; when this generator is closed, they stop at the end of their step."""

        def work(slots: Slots[S]) -> None:
            try:
                with computing_on(self._device):
                    for done in slots.work(self._queue, self._resumed):
                        while not self._room.acquire(timeout=0.1) and not self._queue.closed:
                            pass
                        self._rounds.put(done)
            except BaseException:
                self._queue.closed = True
                raise
            finally:
                self._rounds.put(None)

        with one_core_each(len(self._slots)) as pool:
            workers = [pool.submit(work, slots) for slots in self._slots]
            try:
                for _ in workers:
                    for done in iter(self._rounds.get, None):
                        self._room.release()
                        yield done
            finally:
                self._queue.closed = True
        try:
            while workers:
                workers.pop().result()
        finally:
            workers.clear()  # an error's traceback would keep them, and they keep the tensors of the failed step

    def rounds_left(self) -> Iterator[Round[S]]:
        """Yield the rounds of stopped workers that :meth:`rounds` has not yielded."""
        while not self._rounds.empty():
            done = self._rounds.get()
            if done is not None:
                yield done

    def in_progress(self) -> tuple[Tensor, S] | None:
        """Return the numbers, int64 [n], and the states of the rows in progress; None after a step that failed.

        A row may come twice: as it was resumed, and then as it is.
        """
        parts = [(torch.tensor([row], device=self._device), states) for row, states in [*self._resumed.items()]]
        for slots in self._slots:
            part = slots.in_progress()
            if part is None:
                return None
            parts.append(part)
        rows = torch.cat([rows for rows, _ in parts])
        return rows, reduce(lambda first, second: first.joined(second), [states for _, states in parts])
