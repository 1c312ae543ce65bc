"""How far each feature of a network can be moved: its PGD maximum and minimum on every image.

The work is a queue of rows, one for each (image, feature, direction, restart). A batch of a fixed size takes rows
from it; a row that is finished gives its place to the next one in the queue. A row is finished after the last
step, or as soon as its gradient is exactly zero, which is a fixed point of the attack. On a CPU each core has a
batch of its own: this way no core waits for another after every operation, and its activations stay in its cache.
The batch always has the same shape and a row's arithmetic does not depend on its neighbours, so the values are the
same whatever the order, the sharding, the number of cores or the interruptions.
"""

import copy
import logging
import threading
import time
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import NamedTuple, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from feature_sensitivity.attacks.pgd import PGD, input_gradient
from feature_sensitivity.attacks.projection import Bounds, clip, per_row, pixel_box
from feature_sensitivity.attacks.random_starts import random_start
from feature_sensitivity.networks.classifier import Classifier
from feature_sensitivity.networks.folding import frozen
from feature_sensitivity.runtime.console import Progress
from feature_sensitivity.runtime.cpu_workers import one_core_each
from feature_sensitivity.runtime.devices import device_name
from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.runtime.side_checkpoints import checkpoint_key, load_side_checkpoint, save_side_checkpoint

logger = logging.getLogger(__name__)

T = TypeVar("T")

SECONDS_BETWEEN_CHECKPOINTS = 15.0

BATCH_SIZES = {"cpu": 64, "cuda": 1024}

MAXIMIZE, MINIMIZE = 0, 1

OUT_OF_MEMORY = (
    "OutOfMemoryError",
    "STATUS_ALLOC_FAILED",  # cuDNN and cuBLAS
    "unable to find an engine to execute this computation",  # cuDNN, when no algorithm's workspace fits
    "DefaultCPUAllocator",
)
"""Words by which PyTorch and the libraries below it say so, each in its own way."""


@dataclass(frozen=True, kw_only=True)
class ExtremesSettings:
    """What the extremes depend on besides network, images and features.

    ``iterate``: ``best`` is the extreme over all iterates, start and clean image included; ``last`` takes
    the last iterate. ``surrogate_relu``: the gradient passes through the last ReLU as through the identity.
    ``search_dtype``: ``bfloat16`` looks for the best iterate in lower precision, and the value that counts is
    its float32 one, still that of a point in the ball. ``batch_size``: rows on a GPU, or on each core of a CPU,
    attacked at a time; None fits the device.
    """

    attack: PGD
    iterate: str = "best"
    restarts: int = 1
    clip_to_pixel_box: bool = False
    surrogate_relu: bool = False
    search_dtype: str = "float32"
    seed: int = 0
    batch_size: int | None = None


@dataclass(frozen=True)
class Extremes:
    """Feature values float32 [n_images, n_features]: without attack, and the extremes that were reached.

    ``zero_gradient`` (bool, same shape) marks maximizations that could not begin, because the gradient
    was exactly zero at every random start. ``batch_size`` is that of the settings or the device, or what was left
    of it when memory ran out.
    """

    clean: NDArray[np.float32]
    maximum: NDArray[np.float32]
    minimum: NDArray[np.float32]
    zero_gradient: NDArray[np.bool_]
    batch_size: int


def measure_extremes(
    *,
    network: Classifier,
    x: Tensor,
    image_index: NDArray[np.int64],
    features: NDArray[np.int64],
    mean: Sequence[float],
    std: Sequence[float],
    settings: ExtremesSettings,
    device: torch.device,
    side_checkpoint: Path | None = None,
) -> Extremes:
    """The extremes of the chosen penultimate features over the ball around each image.

    Args:
        x: standardized images [n_images, channels, height, width].
        image_index: each image's index in its dataset [n_images], which names its random starts.
        features: indices of the features to attack [n_features], the columns of the result.
        mean: with ``std``, per channel, the standardization that gives the pixel box in units of ``x``.
        std: see ``mean``.
        side_checkpoint: where finished rows are saved, four times a minute and on an interruption; the same call goes
            on from there.
    """
    batch_size = settings.batch_size or BATCH_SIZES[device.type]
    key = checkpoint_key(
        *(settings, device.type, batch_size, image_index, features, x),
        *(value.cpu() for value in network.state_dict().values()),
        code=Path(__file__),
    )
    if settings.search_dtype == "bfloat16" and device.type == "cuda" and not torch.cuda.is_bf16_supported():
        raise UserError(
            f"sensitivity.search_dtype is bfloat16, which {device_name(device)} does not have; write float32"
        )
    problem = _Problem(
        network=frozen(network).to(device),
        x=x.to(device).contiguous(memory_format=torch.channels_last),
        image_index=torch.from_numpy(image_index).to(device),
        features=torch.from_numpy(features).to(device),
        bounds=pixel_box(mean, std, device) if settings.clip_to_pixel_box else None,
        settings=settings,
        batch_size=batch_size,
    )
    saved = load_side_checkpoint(side_checkpoint, key) if side_checkpoint else None
    if saved:
        values, stuck, problem.batch_size = saved["values"], saved["stuck"], saved["batch_size"]
        # Not computed anew: another processor would round it otherwise than the extremes that started from it.
        problem.clean = saved["clean"].to(device)
        logger.info("going on from an interruption: %d of %d rows are left", values.isnan().sum(), values.numel())
    else:
        (problem.clean,) = _whatever_fits(problem, problem.without_attack)
        values, stuck = problem.before_the_attack()

    def save() -> None:
        if side_checkpoint:
            content = {"values": values, "stuck": stuck, "clean": problem.clean.cpu(), "batch_size": problem.batch_size}
            save_side_checkpoint(side_checkpoint, key, content)

    n_before, last_save = int((~values.isnan()).sum()), time.monotonic()
    n_done = n_early = 0
    try:
        with (
            Progress("sensitivity", total=values.numel(), unit="rows", done=n_before) as bar,
            closing(_whatever_fits(problem, lambda: attack_unfinished(problem, values))) as groups,
        ):
            for finished in groups:
                # The value comes last: an interruption may fall between, and a row with a value counts as finished.
                stuck.view(-1)[finished.row] = finished.stuck
                values.view(-1)[finished.row] = finished.value
                n_done, n_early = n_done + len(finished.row), n_early + finished.early * len(finished.row)
                bar.advance(len(finished.row), f"{100 * n_early / n_done:.0f} % finished early")
                if time.monotonic() - last_save > SECONDS_BETWEEN_CHECKPOINTS:
                    save()
                    last_save = time.monotonic()
    finally:  # on Ctrl-C, too, and when a scheduler ends the job
        save()
    return problem.extremes(values, stuck)


def _whatever_fits(problem: "_Problem", attempt: Callable[[], Iterator[T]]) -> Generator[T]:
    """What ``attempt`` yields; it is begun again with half the batch whenever memory runs out."""
    while True:
        try:
            yield from attempt()
            return
        except RuntimeError as error:
            problem.halve_batch(error)
        torch.cuda.empty_cache()  # not before: the error holds on to the tensors of the failed attempt


class Finished(NamedTuple):
    """Finished rows on the CPU: their numbers in the queue, sign * extreme, and whether their start had no gradient.

    ``early``: they came to a fixed point before the last step.
    """

    row: Tensor
    value: Tensor
    stuck: Tensor
    early: bool


@dataclass
class _Problem:
    """Network, images and features, and the numbering of rows over them.

    ``clean``: the features [n_images, n_features] without attack.
    """

    network: Classifier
    x: Tensor
    image_index: Tensor
    features: Tensor
    bounds: Bounds | None
    settings: ExtremesSettings
    batch_size: int
    search_network: Classifier = field(init=False)
    clean: Tensor = field(init=False)

    def __post_init__(self) -> None:
        self.search_network = self.network
        if self.low_precision:
            self.search_network = copy.deepcopy(self.network).to(self.search_dtype)

    @torch.no_grad()
    def without_attack(self) -> Iterator[Tensor]:
        """Yield the features of the images as they are, all at once."""
        rows = []
        for x in self.x.split(self.batch_size):
            padded = torch.cat([x, self.x[:1].expand(self.batch_size - len(x), -1, -1, -1)])
            rows.append(self.network.features(padded)[: len(x), self.features])
        clean = torch.cat(rows)
        if not bool(clean.isfinite().all()):
            raise UserError(
                "the network gives features that are not finite, so its weights or the images are broken; "
                "delete its checkpoint and run the same command again, or give it other weights"
            )
        yield clean

    def halve_batch(self, error: RuntimeError) -> None:
        """Be ready to go on after ``error`` if memory has run out; raise it otherwise."""
        if not any(words in f"{type(error).__name__}: {error}" for words in OUT_OF_MEMORY):
            raise error
        if self.batch_size == 1:
            raise UserError(
                f"{self.x.device} has too little memory for a single image; free some, or use another device ({error})"
            ) from error
        self.batch_size //= 2
        logger.warning(
            "out of memory: going on with %d rows at a time; write sensitivity.batch_size: %d to begin so",
            *(self.batch_size, self.batch_size),
        )

    @property
    def low_precision(self) -> bool:
        """Whether the search runs in bfloat16."""
        return self.settings.search_dtype == "bfloat16"

    @property
    def search_dtype(self) -> torch.dtype:
        """The precision of the search."""
        return torch.bfloat16 if self.low_precision else torch.float32

    @property
    def shape(self) -> tuple[int, int, int, int]:
        """(images, features, directions, restarts); a row's number is its position in this order."""
        return (len(self.x), len(self.features), 2, self.settings.restarts)

    def before_the_attack(self) -> tuple[Tensor, Tensor]:
        """Values and stuck marks of all rows; a value is NaN until the row is finished.

        A minimum that the clean image attains already, because features cannot be lower, needs no attack.
        """
        values = torch.full(self.shape, torch.nan)
        if self.settings.iterate == "best":
            lowest = (self.clean <= self.network.feature_minimum).cpu()
            values[:, :, MINIMIZE][lowest] = -self.network.feature_minimum
        return values, torch.zeros(self.shape, dtype=torch.bool)

    def extremes(self, values: Tensor, stuck: Tensor) -> Extremes:
        best = values.amax(dim=3)
        return Extremes(
            clean=self.clean.cpu().numpy(),
            maximum=best[:, :, MAXIMIZE].numpy(),
            minimum=-best[:, :, MINIMIZE].numpy(),
            zero_gradient=stuck[:, :, MAXIMIZE].all(dim=2).numpy(),
            batch_size=self.batch_size,
        )


class Queue:
    """Numbers of rows, int64 [n], that wait to be attacked; several threads may take from it.

    Who sees it ``closed`` ends at once, whatever is unfinished.
    """

    def __init__(self, rows: Tensor) -> None:
        self._rows = rows
        self.closed = False
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._rows)

    def take(self, n: int) -> Tensor:
        """The next ``n`` rows, or fewer at the end."""
        with self._lock:
            taken, self._rows = self._rows[:n], self._rows[n:]
        return taken


def attack_unfinished(problem: _Problem, values: Tensor) -> Iterator[Finished]:
    """Attack the rows whose value is still NaN."""
    todo = Queue(values.isnan().flatten().nonzero()[:, 0])
    return attack_on_every_core(problem, todo) if problem.x.device.type == "cpu" else attack_rows(problem, todo)


def attack_on_every_core(problem: _Problem, todo: Queue) -> Iterator[Finished]:
    """:func:`attack_rows` by as many threads as PyTorch would use for one operation, but no idle ones."""
    groups: SimpleQueue[Finished | None] = SimpleQueue()

    def work() -> None:
        try:
            for finished in attack_rows(problem, todo):
                groups.put(finished)
        except BaseException:
            todo.closed = True
            raise
        finally:
            groups.put(None)

    n_workers = max(1, min(torch.get_num_threads(), len(todo) // problem.batch_size))
    with one_core_each(n_workers) as pool:
        workers = [pool.submit(work) for _ in range(n_workers)]
        try:
            for _ in workers:
                yield from iter(groups.get, None)
        finally:  # on Ctrl-C, too
            todo.closed = True
    for worker in workers:
        worker.result()


def attack_rows(problem: _Problem, todo: Queue, *, settle_every: int | None = None) -> Iterator[Finished]:
    """Attack the numbered rows and yield them as they finish, in groups, in no particular order.

    ``settle_every``: how many steps pass before finished rows are replaced. Each time a GPU has to wait for the
    host, so the default there is 4 to 7, whichever wastes the fewest steps of rows that are through. Values do not
    depend on it.
    """
    device = problem.x.device
    if settle_every is None:
        # A search in low precision notices a step later that a row is through.
        steps = problem.settings.attack.steps + problem.low_precision
        settle_every = 1 if device.type == "cpu" else min(range(4, 8), key=lambda every: -steps % every)
    batch = _Batch.empty(problem)
    last = _LastIterates(problem)
    while True:
        if todo.closed:
            return
        free = (batch.row < 0).nonzero()[:, 0]
        rows = todo.take(len(free)).to(device)
        batch.fill(free[: len(rows)], rows, problem)
        if bool((batch.row < 0).all()):
            break
        for _ in range(settle_every):
            batch.advance(problem)
        working = batch.row >= 0
        ended = batch.ended & working
        if problem.low_precision:
            left = ended
            last.append(batch, left, batch.candidate)
        else:
            if bool(ended.any()):
                row, best, stuck = (t[ended].cpu() for t in (batch.row, batch.best, batch.stuck))
                yield Finished(row, best, stuck, early=True)
            stepped_out = working & ~ended & (batch.step >= problem.settings.attack.steps)
            last.append(batch, stepped_out, batch.perturbation)
            left = ended | stepped_out
        yield from last.evaluate(at_least=problem.batch_size)
        batch.row[left] = -1
    yield from last.evaluate(at_least=1)


@dataclass
class _Batch:
    """The rows under attack; place p works on row ``row[p]``, or on nothing where that is -1.

    ``best`` is the largest float32 value of sign * feature so far. A search in low precision leaves it alone
    and keeps the largest value that it found and the perturbation, ``candidate``, that gave it.
    """

    row: Tensor
    feature: Tensor
    sign: Tensor
    x: Tensor
    perturbation: Tensor
    step: Tensor
    best: Tensor
    found: Tensor
    candidate: Tensor
    stuck: Tensor
    ended: Tensor

    @classmethod
    def empty(cls, problem: _Problem) -> "_Batch":
        n, device = problem.batch_size, problem.x.device
        whole = torch.zeros(n, dtype=torch.int64, device=device)
        real, flag = whole.float(), whole.bool()
        x = problem.x[:1].expand(n, -1, -1, -1).contiguous(memory_format=torch.channels_last)
        return cls(
            row=whole - 1,
            feature=problem.features[whole],
            sign=real + 1,
            x=x,
            perturbation=torch.zeros_like(x),
            step=whole.clone(),
            best=real.clone(),
            found=real.clone(),
            candidate=torch.zeros_like(x) if problem.low_precision else x[:0],
            stuck=flag.clone(),
            ended=flag.clone(),
        )

    def fill(self, places: Tensor, rows: Tensor, problem: _Problem) -> None:
        """Begin new rows at free places."""
        if len(rows) == 0:
            return
        settings = problem.settings
        image, column, direction, restart = torch.unravel_index(rows, problem.shape)
        feature = problem.features[column]
        start = random_start(
            seed=settings.seed,
            image=problem.image_index[image],
            feature=feature,
            direction=direction,
            restart=restart,
            shape=problem.x.shape[1:],
            epsilon=settings.attack.epsilon,
            norm=settings.attack.norm,
        )
        x = problem.x[image]
        self.row[places] = rows
        self.feature[places] = feature
        self.sign[places] = 1.0 - 2.0 * direction
        self.x[places] = x
        # In the ball already, and not projected: the rounding of a norm may depend on how many rows there are.
        self.perturbation[places] = clip(start, x, problem.bounds)
        self.step[places] = 0
        self.best[places] = self.sign[places] * problem.clean[image, column]
        self.found[places] = -torch.inf
        self.stuck[places] = False
        self.ended[places] = False

    def advance(self, problem: _Problem) -> None:
        """One step of every row that has not ended."""
        settings = problem.settings
        values, gradient = input_gradient(
            lambda points: problem.search_network.selected_features(
                points.to(problem.search_dtype), self.feature, surrogate_relu=settings.surrogate_relu
            ).float(),
            self.x + self.perturbation,
        )
        signed = self.sign * values
        fixed = gradient.abs().amax(dim=(1, 2, 3)) == 0
        self.stuck |= fixed & (self.step == 0)
        self.ended |= fixed
        if settings.iterate == "best":
            self.ended |= (self.sign < 0) & (values <= problem.network.feature_minimum)
        if problem.low_precision:
            better = signed > self.found
            self.found = torch.where(better, signed, self.found)
            self.candidate = torch.where(per_row(better, self.candidate), self.perturbation, self.candidate)
            self.ended |= self.step >= settings.attack.steps
        elif settings.iterate == "best":
            self.best = torch.maximum(self.best, signed)
        else:
            self.best = signed
        moving = ~self.ended & (self.step < settings.attack.steps)
        moved = settings.attack.step(self.perturbation, gradient * per_row(self.sign, gradient), self.x, problem.bounds)
        self.perturbation = torch.where(per_row(moving, moved), moved, self.perturbation)
        self.step += moving


class _LastIterates:
    """Points wait here until they fill a batch, since their float32 value needs a forward pass only."""

    def __init__(self, problem: _Problem) -> None:
        self._problem = problem
        batch = _Batch.empty(problem)
        self._waiting = tuple(t[:0] for t in (batch.row, batch.feature, batch.sign, batch.best, batch.stuck, batch.x))

    def append(self, batch: _Batch, places: Tensor, perturbation: Tensor) -> None:
        """Take over the rows at these places of ``batch``, a bool [batch_size], with their perturbations."""
        points = (batch.x + perturbation)[places]
        new = (*(t[places] for t in (batch.row, batch.feature, batch.sign, batch.best, batch.stuck)), points)
        self._waiting = tuple(torch.cat(pair) for pair in zip(self._waiting, new, strict=True))

    def evaluate(self, *, at_least: int) -> Iterator[Finished]:
        """Finish waiting rows, a batch at a time, while ``at_least`` so many wait."""
        problem, size = self._problem, self._problem.batch_size
        while len(self._waiting[0]) >= at_least:
            row, feature, sign, best, stuck, points = (t[:size] for t in self._waiting)
            self._waiting = tuple(t[size:] for t in self._waiting)
            padding = size - len(row)
            padded = torch.cat([points, problem.x[:1].expand(padding, -1, -1, -1)])
            features = torch.cat([feature, problem.features[:1].expand(padding)])
            with torch.no_grad():
                padded = padded.contiguous(memory_format=torch.channels_last)
                signed = sign * problem.network.selected_features(padded, features)[: len(row)]
            extreme = torch.maximum(best, signed) if problem.settings.iterate == "best" else signed
            yield Finished(row.cpu(), extreme.cpu(), stuck.cpu(), early=False)
