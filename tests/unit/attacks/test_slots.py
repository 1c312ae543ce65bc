"""The machine that serves every attack, on a task whose results are plain arithmetic."""

import contextlib
import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar
from unittest.mock import Mock

import numpy as np
import pytest
import torch
from torch import Tensor

from feature_sensitivity.attacks import run_rows as driver
from feature_sensitivity.attacks.run_rows import RowWorkers, batch_for_all_cores, batch_for_each_core, run_rows
from feature_sensitivity.attacks.slots import RowQueue, RowStates, RowTask, Slots, row_indices, steps_between_refills
from feature_sensitivity.runtime import devices, partial_results
from feature_sensitivity.runtime.batch_size import BatchSize
from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.runtime.partial_results import PartialResults
from interruptions import interrupted_until_done

CPU = torch.device("cpu")
STEPS = 5


@dataclass
class Counts(RowStates):
    """Rows that count to their own number, or to the last step."""

    DERIVED: ClassVar[tuple[str, ...]] = ("goal",)

    goal: Tensor
    total: Tensor


class CountingTask(RowTask[Counts]):
    """Row r ends at step r % 7 without an evaluation, or at the last step with one, which adds 100."""

    device, steps = CPU, STEPS

    def __init__(self) -> None:
        self.advanced: Counter[int] = Counter()
        self.sizes: set[int] = set()

    def begin(self, rows: Tensor) -> Counts:
        return Counts.new(rows, goal=rows, total=torch.zeros_like(rows))

    def advance(self, states: Counts) -> None:
        self.sizes.add(len(states.step))
        self.advanced.update(states.goal[~states.ended].tolist())
        early = (states.step >= states.goal % 7) & ~states.ended
        states.ended |= early
        states.evaluated |= early
        states.step += ~states.ended
        states.total += states.goal * ~states.ended
        states.ended |= states.step >= STEPS

    def evaluate(self, states: Counts) -> None:
        self.sizes.add(len(states.step))
        states.total += 100
        states.evaluated[:] = True

    def result(self, states: Counts) -> dict[str, Tensor]:
        return {"total": states.total}


def expected(rows: range) -> list[int]:
    return [row * (row % 7) if row % 7 < STEPS else row * STEPS + 100 for row in rows]


def run(task: CountingTask, n: int, *, batch: int = 4, folder: Path | None = None, sizes=batch_for_each_core) -> list:
    found = PartialResults(folder, "key")
    found.keep("what rows are computed from", lambda: torch.zeros(1))
    results = run_rows(
        task,
        torch.arange(n),
        n_rows=n,
        batch_size=BatchSize(batch, key="batch_size"),
        title="counting",
        partial_results=found,
        batch_sizes=sizes,
    )
    return results["total"].tolist()


def test_rows_are_numbered_in_the_order_of_an_array():
    shape, rows = (3, 4, 2, 5), torch.tensor([0, 7, 59, 119])
    expected = np.unravel_index(rows.numpy(), shape)
    assert [indices.tolist() for indices in row_indices(rows, shape)] == [indices.tolist() for indices in expected]


@pytest.mark.parametrize("n", [1, 3, 4, 29, 64])
@pytest.mark.parametrize("batch", [1, 4, 50])
def test_every_row_gets_its_own_result_in_batches_of_one_size(n: int, batch: int):
    task = CountingTask()
    assert run(task, n, batch=batch) == expected(range(n))
    assert task.sizes == {batch}


def test_rows_that_are_not_asked_for_are_0():
    results = run_rows(
        CountingTask(),
        torch.tensor([3, 9]),
        n_rows=12,
        batch_size=BatchSize(4, key="batch_size"),
        title="counting",
        partial_results=PartialResults(),
    )
    assert results["total"].nonzero()[:, 0].tolist() == [3, 9]


def test_several_workers_share_one_queue():
    threads = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        assert batch_for_each_core(4, 100, CPU) == [4, 4, 4]
        assert batch_for_each_core(4, 7, CPU) == [4]
        assert batch_for_all_cores(8, 100, CPU) == [3, 3, 3]
        assert run(CountingTask(), 100) == expected(range(100))
        assert run(CountingTask(), 100, batch=9, sizes=batch_for_all_cores) == expected(range(100))
    finally:
        torch.set_num_threads(threads)


def test_an_interruption_repeats_no_step_of_any_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    caplog.set_level("INFO")
    n, task = 60, CountingTask()
    undisturbed = CountingTask()
    run(undisturbed, n)
    results, interruptions = interrupted_until_done(lambda: run(task, n, folder=tmp_path), monkeypatch, every=2)
    assert results == expected(range(n))
    assert interruptions > 0
    assert task.advanced == undisturbed.advanced
    assert "continuing after an interruption" in caplog.text


def test_a_failed_step_is_never_continued_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    class Failing(CountingTask):
        def advance(self, states: Counts) -> None:
            super().advance(states)
            if self.advanced[9]:
                states.total += 1000  # a step half done
                raise RuntimeError("broken")

    monkeypatch.setattr(partial_results, "SECONDS_BETWEEN_SAVES", 0.0)
    with pytest.raises(RuntimeError, match="broken"):
        run(Failing(), 20, folder=tmp_path)
    assert run(CountingTask(), 20, folder=tmp_path) == expected(range(20))


def test_a_save_that_waits_for_a_step_that_fails_saves_nothing_of_it():
    entered, released = threading.Event(), threading.Event()

    class Failing(CountingTask):
        def advance(self, states: Counts) -> None:
            states.total += 1000  # a step half done
            entered.set()
            released.wait(5)
            raise RuntimeError("broken")

    slots = Slots(Failing(), 4)
    worker = threading.Thread(target=_drain, args=(slots,))
    worker.start()
    entered.wait(5)
    saving: list = []
    saver = threading.Thread(target=lambda: saving.append(slots.in_progress()))
    saver.start()
    released.set()
    worker.join()
    saver.join()
    assert saving == [None]


def _drain(slots: Slots) -> None:
    with contextlib.suppress(RuntimeError):
        for _ in slots.work(RowQueue(torch.arange(8)), {}):
            pass


def test_what_was_resumed_is_saved_again_before_a_slot_takes_it():
    task = CountingTask()
    states = task.begin(torch.tensor([5, 6]))
    states.step += 2
    resumed = {5: states.at(slice(1)), 6: states.at(slice(1, 2))}
    workers = RowWorkers(task, torch.tensor([5, 6]), batch_sizes=[1], resumed=resumed)
    in_progress = workers.in_progress()
    assert in_progress is not None
    assert in_progress[0].tolist() == [5, 6]
    assert in_progress[1].step.tolist() == [2, 2]


def hungry(error: RuntimeError, *, most: int) -> CountingTask:
    """A task for whose step memory runs out with more rows than ``most`` at a time."""

    class Hungry(CountingTask):
        def advance(self, states: Counts) -> None:
            if len(states.step) > most:
                raise error
            super().advance(states)

    return Hungry()


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory"),
        torch.AcceleratorError("CUDA error: out of memory"),
        RuntimeError("CUBLAS_STATUS_ALLOC_FAILED when calling cublasCreate(handle)"),
        RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"),
        RuntimeError("GET was unable to find an engine to execute this computation"),
    ],
    ids=["PyTorch", "CUDA", "cuBLAS", "cuDNN allocates", "cuDNN plans"],
)
def test_memory_that_runs_out_halves_the_batch(
    error: RuntimeError, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr(devices, "gpu_is_full", lambda: True)
    task = hungry(error, most=3)
    assert run(task, 30, batch=12) == expected(range(30))
    assert task.sizes == {3}
    assert "continuing with 3 rows at a time; write batch_size: 3" in caplog.text


def test_too_little_memory_for_one_row_is_reported():
    with pytest.raises(UserError, match="too little memory for a single image"):
        run(hungry(torch.OutOfMemoryError(), most=0), 5)


def test_a_batch_that_was_halved_stays_so_after_an_interruption(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(driver.Progress, "advance", Mock(side_effect=KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        run(hungry(torch.OutOfMemoryError(), most=3), 30, batch=12, folder=tmp_path)
    monkeypatch.undo()
    task = CountingTask()
    assert run(task, 30, batch=12, folder=tmp_path) == expected(range(30))
    assert task.sizes == {3}


def test_a_closed_queue_stops_a_batch_in_the_middle():
    queue, rounds = RowQueue(torch.arange(40)), []
    slots = Slots(CountingTask(), 4)
    for done in slots.work(queue, {}):
        rounds.append(done)
        queue.closed = len(rounds) == 2
    rows, states = slots.in_progress() or ((), None)
    assert states is not None
    assert len(rounds) == 2
    assert len(rows) == len(states.step) > 0
    assert len(queue) > 0


def test_workers_whose_rounds_nobody_reads_stop():
    workers = RowWorkers(CountingTask(), torch.arange(10_000), batch_sizes=[4, 4], resumed={})
    rounds: Iterator = workers.rounds()
    next(rounds)
    rounds.close()
    in_progress = workers.in_progress()
    assert in_progress is not None
    assert len(np.unique(in_progress[0])) == len(in_progress[0])


@pytest.mark.parametrize("steps", [1, 7, 20, 100])
def test_a_gpu_is_refilled_when_it_wastes_least(steps: int):
    n = steps_between_refills(steps, torch.device("cuda"))
    assert 4 <= n <= 7
    assert -steps % n == min(-steps % other for other in range(4, 8))
    assert steps_between_refills(steps, CPU) == 1


def test_the_progress_counts_every_step_once(monkeypatch: pytest.MonkeyPatch):
    counted = []
    monkeypatch.setattr(driver.Progress, "advance", lambda bar, n, note="": counted.append(n))
    run(CountingTask(), 33)
    assert sum(counted) == 33 * STEPS
