"""A task on many rows, from its queue to its results: resumable, and in as much memory as there is.

One batch of slots works through the rows on a GPU, or one on each core of a CPU. This way no core waits for another
after every operation, and the activations of its rows stay in its cache.
"""

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import replace
from functools import reduce
from queue import SimpleQueue
from typing import Generic, TypeVar

import torch
from torch import Tensor

from feature_sensitivity.attacks.slots import Round, RowQueue, RowStates, RowTask, Slots
from feature_sensitivity.runtime.batch_size import BatchSize
from feature_sensitivity.runtime.console import Progress
from feature_sensitivity.runtime.cpu_workers import one_core_each
from feature_sensitivity.runtime.devices import computing_on, n_workers
from feature_sensitivity.runtime.partial_results import PartialResults, Rows

logger = logging.getLogger(__name__)

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


def run_rows(
    task: RowTask[S],
    rows: Tensor,
    *,
    n_rows: int,
    batch_size: BatchSize,
    title: str,
    partial_results: PartialResults,
    batch_sizes: Callable[[int, int, torch.device], list[int]] = batch_for_each_core,
) -> dict[str, Tensor]:
    """Return the results of the task, tensors [n_rows, ...] by name on the CPU; 0 for rows that are not in ``rows``.

    Args:
        task: what is computed for each row.
        rows: the numbers of the rows to compute, int64 [n].
        n_rows: rows are numbered below this.
        batch_size: rows computed at a time; halved when memory runs out.
        title: what the progress bar calls it.
        partial_results: what an earlier run finished and began, from which this one continues; where rows are saved
            several times a minute and on an interruption.
        batch_sizes: how ``batch_size`` is shared by workers, as :func:`batch_for_each_core`.
    """
    results = _Results(n_rows)
    results.add(partial_results.finished)
    resumed = _states_by_row(task, partial_results.in_progress, results)
    batch_size.rows = partial_results.batch_size or batch_size.rows
    if partial_results.finished or resumed:
        logger.info("continuing after an interruption: %d of %d rows are left", results.n_left(rows), len(rows))
    unsaved: list[Rows] = []
    workers: RowWorkers[S] | None = None

    def attempt(size: int) -> Iterator[Round[S]]:
        nonlocal workers
        workers = None  # those of a failed attempt hold on to its memory
        left = rows[~results.finished[rows]]
        if len(left):
            sizes = batch_sizes(size, len(left), task.device)
            workers = RowWorkers(task, left, batch_sizes=sizes, resumed=resumed)
            yield from workers.rounds()

    def save() -> None:
        in_progress = workers.in_progress() if workers else None
        partial_results.save(unsaved, _saved_states(*in_progress) if in_progress else None, batch_size=batch_size.rows)
        unsaved.clear()

    def record(done: Round[S]) -> None:
        if len(done.rows):
            finished = {"row": done.rows, **{name: t.cpu() for name, t in task.result(done.states).items()}}
            unsaved.append(finished)
            results.add(finished)

    n_started = sum(int(states.step.sum()) for states in resumed.values())
    n_done = task.steps * (len(rows) - results.n_left(rows)) + n_started
    try:
        with (
            Progress(title, total=task.steps * len(rows), unit="steps", done=n_done) as bar,
            closing(batch_size.fit_each(attempt)) as rounds,
        ):
            for done in rounds:
                record(done)
                bar.advance(done.n_steps, done.note)
                if partial_results.is_due:
                    save()
    finally:  # on Ctrl-C, too, and when a scheduler ends the job
        for done in workers.rounds_left() if workers else ():
            record(done)
        save()
    return results.tensors


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


class _Results:
    """Results of finished rows, tensors [n_rows, ...] by name."""

    def __init__(self, n_rows: int) -> None:
        self.finished = torch.zeros(n_rows, dtype=torch.bool)
        self.tensors: dict[str, Tensor] = {}

    def add(self, rows: Rows) -> None:
        """Record finished rows."""
        for name, values in rows.items():
            if name != "row":
                if name not in self.tensors:
                    self.tensors[name] = torch.zeros((len(self.finished), *values.shape[1:]), dtype=values.dtype)
                self.tensors[name][rows["row"]] = values
        if rows:
            self.finished[rows["row"]] = True

    def n_left(self, rows: Tensor) -> int:
        """Count those of ``rows`` that are not finished."""
        return int((~self.finished[rows]).sum())


def _saved_states(rows: Tensor, states: RowStates) -> Rows:
    """Return states as they are saved: without what the number of a row gives again."""
    saved = {name: values.cpu() for name, values in states.tensors().items() if name not in states.DERIVED}
    return {"row": rows.cpu(), **saved}


def _states_by_row(task: RowTask[S], saved: Rows, results: _Results) -> dict[int, S]:
    """Return the states of the saved rows that are not finished, by row."""
    if not saved or len(saved["row"]) == 0:
        return {}
    rows = saved["row"]
    tensors = {name: values.to(task.device) for name, values in saved.items() if name != "row"}
    states = replace(task.begin(rows.to(task.device)), **tensors)
    places = (~results.finished[rows]).nonzero()[:, 0].tolist()
    return {int(rows[place]): states.at(slice(place, place + 1)) for place in places}
