"""A batch of slots: numbered rows of an attack in progress, each replaced by the next one once it is finished.

The batch always has the same shape and the arithmetic of a row does not depend on its neighbours, so results are the
same in whatever order rows come, however they are divided, and wherever they are interrupted.
"""

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from typing import ClassVar, Generic, NamedTuple, Self, TypeVar

import torch
from torch import Tensor

from feature_sensitivity.runtime.devices import is_gpu


@dataclass
class RowStates:
    """What is known of each row: tensors [n, ...], or None for those that an attack does not need.

    ``DERIVED`` names those that :meth:`RowTask.begin` computes from a row's number: they need not be saved.
    ``step``: steps taken, int64 [n]. ``ended``: a further step changes nothing, bool [n]; ``evaluated``: the result of
    the row is known, bool [n].
    """

    DERIVED: ClassVar[tuple[str, ...]] = ()

    step: Tensor
    ended: Tensor
    evaluated: Tensor

    @classmethod
    def new(cls, rows: Tensor, **states: Tensor | None) -> Self:
        """Return the states of rows, int64 [n], that have taken no step."""
        none = torch.zeros_like(rows, dtype=torch.bool)
        return cls(step=torch.zeros_like(rows), ended=none, evaluated=none.clone(), **states)

    def tensors(self) -> dict[str, Tensor]:
        """Return the tensors by name."""
        return {field.name: value for field in fields(self) if (value := getattr(self, field.name)) is not None}

    def at(self, places: Tensor | slice) -> Self:
        """Return some rows, by their indices or as a mask, as a copy; a slice gives a view."""
        return replace(self, **{name: values[places] for name, values in self.tensors().items()})

    def put(self, places: Tensor, rows: Self) -> None:
        """Overwrite the rows at these places."""
        for name, values in rows.tensors().items():
            getattr(self, name)[places] = values

    def joined(self, others: Self) -> Self:
        """Return these rows followed by others."""
        mine, theirs = self.tensors(), others.tensors()
        return replace(self, **{name: torch.cat([mine[name], theirs[name]]) for name in mine})


def row_indices(rows: Tensor, shape: Sequence[int]) -> tuple[Tensor, ...]:
    """Return the index along each axis of an array of this shape, of rows numbered in its order, int64 [n] each.

    As ``torch.unravel_index``, which imports sympy first, a third of a second in each job.
    """
    indices: list[Tensor] = []
    for size in reversed(shape):
        indices.append(rows % size)
        rows = rows // size
    return tuple(reversed(indices))


S = TypeVar("S", bound=RowStates)


class RowTask(ABC, Generic[S]):
    """A computation on numbered rows, none of which depends on another.

    ``steps``: the most steps that a row takes.
    """

    device: torch.device
    steps: int

    @abstractmethod
    def begin(self, rows: Tensor) -> S:
        """Return the states of these rows, int64 [n], before their first step."""

    @abstractmethod
    def advance(self, states: S) -> None:
        """Take one step of every row, in place; the result of one that has ``ended`` stays as it is.

        A row that has taken its last step is ``ended``. Unless it is also ``evaluated``, :meth:`evaluate` follows.
        Until its slot is refilled, a row that has ended is advanced further.
        """

    def evaluate(self, states: S) -> None:
        """Complete the results of rows that have ended, in place; nothing, where every such row is evaluated."""

    @abstractmethod
    def result(self, states: S) -> dict[str, Tensor]:
        """Return the results of finished rows, tensors [n, ...] by name."""

    def note(self, states: S, busy: Tensor) -> str:
        """Return a remark on the rows in progress, a mask [n]; empty for none."""
        return ""


class RowQueue:
    """Numbers of rows, int64 [n], that wait; several threads may take from it.

    Whoever sees it ``closed`` stops at once, whatever is unfinished.
    """

    def __init__(self, rows: Tensor) -> None:
        self._rows = rows
        self._lock = threading.Lock()
        self.closed = False

    def __len__(self) -> int:
        return len(self._rows)

    def take(self, n: int) -> Tensor:
        """Return the next ``n`` rows, or fewer at the end."""
        with self._lock:
            taken, self._rows = self._rows[:n], self._rows[n:]
        return taken


class Round(NamedTuple, Generic[S]):
    """What a batch did between two refills.

    ``rows`` finished, int64 [n] on the CPU, with their ``states``; ``n_steps`` were taken, or are no longer needed.
    """

    rows: Tensor
    states: S
    n_steps: int
    note: str


class Slots(Generic[S]):
    """A batch of ``n`` slots; slot p works on row ``row[p]``, or on nothing where that is -1."""

    def __init__(self, task: RowTask[S], n: int) -> None:
        self._task = task
        self._n = n
        self._row = torch.full((n,), -1, device=task.device)
        self._states = task.begin(torch.zeros(n, dtype=torch.int64, device=task.device))
        self._states.ended[:] = True
        # Rows that need an evaluation only wait here until they fill a batch.
        self._waiting_row, self._waiting = self._row[:0], self._states.at(slice(0))
        # Held while the batch changes, so that another thread sees it between two steps, or knows that a step failed.
        self._lock = threading.Lock()
        self._is_between_steps = True
        self._somebody_waits = threading.Event()

    def work(self, queue: RowQueue, resumed: dict[int, S]) -> Iterator[Round[S]]:
        """Work until the queue is empty and every row is finished; ``resumed`` are states to continue from, by row."""
        n_advances = steps_between_refills(self._task.steps, self._task.device)
        while not queue.closed:
            with self._changing():
                self._refill(queue, resumed)
                busy = self._row >= 0
                if not bool(busy.any()):
                    break
                before = self._states.step[busy].sum()
                for _ in range(n_advances):
                    self._task.advance(self._states)
                n_steps = int(self._states.step[busy].sum() - before)
                done = self._collect(busy, n_steps)
            yield done
        while not queue.closed and len(self._waiting_row):
            with self._changing():
                done = self._evaluated(0)
            yield done

    @contextmanager
    def _changing(self) -> Iterator[None]:
        while self._somebody_waits.is_set():  # locks are not fair: without a pause the worker takes it back at once
            time.sleep(0.001)
        with self._lock:
            self._is_between_steps = False
            yield
            self._is_between_steps = True

    def in_progress(self) -> tuple[Tensor, S] | None:
        """Return the rows in progress, int64 [n], and a copy of their states; None after a step that failed."""
        self._somebody_waits.set()
        try:
            with self._lock:
                self._somebody_waits.clear()
                if not self._is_between_steps:
                    return None
                busy = self._row >= 0
                rows = torch.cat([self._row[busy], self._waiting_row])
                return rows, self._states.at(busy).joined(self._waiting)
        finally:  # after Ctrl-C, too, or the worker would wait for ever
            self._somebody_waits.clear()

    def _refill(self, queue: RowQueue, resumed: dict[int, S]) -> None:
        free = (self._row < 0).nonzero()[:, 0]
        rows = queue.take(len(free)).to(self._row.device)
        if len(rows) == 0:
            return
        free = free[: len(rows)]
        self._states.put(free, self._task.begin(rows))
        self._row[free] = rows
        if resumed:
            for place, row in zip(free, rows.tolist(), strict=True):
                if row in resumed:
                    self._states.put(place[None], resumed.pop(row))

    def _collect(self, busy: Tensor, n_steps: int) -> Round[S]:
        """Free the slots of rows that have ended; a full batch of those that wait is evaluated."""
        ended = self._states.ended & busy
        if not bool(ended.any()):
            return Round(
                self._waiting_row[:0].cpu(), self._waiting.at(slice(0)), n_steps, self._task.note(self._states, busy)
            )
        finished = ended & self._states.evaluated
        waits = ended & ~self._states.evaluated
        n_steps += int((self._task.steps - self._states.step[ended]).sum())
        rows, states = self._row[finished], self._states.at(finished)
        self._waiting_row = torch.cat([self._waiting_row, self._row[waits]])
        self._waiting = self._waiting.joined(self._states.at(waits))
        self._row[ended] = -1
        if len(self._waiting_row) >= self._n:
            evaluated = self._evaluated(n_steps)
            rows = torch.cat([rows.cpu(), evaluated.rows])
            states = states.joined(evaluated.states)
        return Round(rows.cpu(), states, n_steps, self._task.note(self._states, busy & ~ended))

    def _evaluated(self, n_steps: int) -> Round[S]:
        """Evaluate the first of the rows that wait: a whole batch, filled up with what is in the slots."""
        rows, self._waiting_row = self._waiting_row[: self._n], self._waiting_row[self._n :]
        states, self._waiting = self._waiting.at(slice(self._n)), self._waiting.at(slice(self._n, None))
        padded = states.joined(self._states.at(slice(self._n - len(rows))))
        self._task.evaluate(padded)
        return Round(rows.cpu(), padded.at(slice(len(rows))), n_steps, "")


def steps_between_refills(steps: int, device: torch.device) -> int:
    """Return how many steps pass before finished rows are replaced.

    At each refill the host waits for its device, so on a GPU it is 4 to 7, whichever wastes the fewest steps of rows
    that have ended. Results do not depend on it.
    """
    return min(range(4, 8), key=lambda n: -steps % n) if is_gpu(device) else 1
