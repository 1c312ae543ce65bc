"""The robust dataset of Ilyas et al. (2019), constructed from a trained teacher.

Each image is a different random training image, moved until the teacher represents it as it
represents the original; it keeps the original's label. What remains of the original is what
the teacher sees.

The images are a queue, of which a fixed number is in work at a time; one that is finished gives its
place to the next. The batch always has the same shape and an image's arithmetic does not depend on
its neighbours, so the result is the same whatever the division into parts or the interruptions.
"""

import logging
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from feature_sensitivity.attacks.pgd import input_gradient
from feature_sensitivity.attacks.projection import per_row, row_norms, unit_direction
from feature_sensitivity.data.split import Split
from feature_sensitivity.data.standardization import standardize, to_unit_range
from feature_sensitivity.networks.classifier import Classifier
from feature_sensitivity.networks.folding import frozen
from feature_sensitivity.runtime.console import Progress
from feature_sensitivity.runtime.cpu_workers import Share, every_core
from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.runtime.side_checkpoints import checkpoint_key, load_side_checkpoint, save_side_checkpoint

logger = logging.getLogger(__name__)

SECONDS_BETWEEN_CHECKPOINTS = 30.0


@dataclass(frozen=True, kw_only=True)
class ConstructionSettings:
    """l2-normalized gradient descent; the step size is in units of [0, 1] pixels.

    ``tolerance``: an image is finished before its last step when its relative representation distance is
    this or less; None takes all steps. ``batch_size`` is how many images are in work at a time.
    """

    steps: int
    step_size: float
    tolerance: float | None
    batch_size: int
    seed: int


def random_other_images(n: int, seed: int) -> NDArray[np.int64]:
    """For each of ``n`` >= 2 images another one: a random cyclic order, so none is its own start."""
    order = np.random.Generator(np.random.PCG64(seed)).permutation(n)
    other = np.empty(n, np.int64)
    other[order] = np.roll(order, 1)
    return other


def images_of_part(n: int, *, part: int, n_parts: int, batch_size: int) -> NDArray[np.int64]:
    """The indices, of ``n``, that part 1, 2, ... or ``n_parts`` works on: whole batches, since each costs the same."""
    n_batches = -(-n // batch_size)
    if n_parts > n_batches:
        raise UserError(
            f"shards is {n_parts}, but {n} images make only {n_batches} batches of {batch_size}; "
            f"write {n_batches} or less, or a smaller batch_size"
        )
    batches = np.array_split(np.arange(n_batches), n_parts)[part - 1]
    return np.arange(batches[0] * batch_size, min((batches[-1] + 1) * batch_size, n))


def construct(
    *,
    teacher: Classifier,
    split: Split,
    index: NDArray[np.int64],
    mean: Sequence[float],
    std: Sequence[float],
    settings: ConstructionSettings,
    device: torch.device,
    side_folder: Path,
) -> Split:
    """New images, float32 in [0, 1], for the images ``index`` of ``split``, with their labels.

    The l2 distance between the penultimate features of the moving image and the original's is minimized,
    the gradient passed through the last ReLU as through the identity; after each step the image is clipped
    to [0, 1]. The last iterate is taken. Further arrays of the result are ``start_index``, the image of
    ``split`` that was moved, and ``relative_distance``, the distance at the end divided by that at the start.

    What is done is saved in ``side_folder`` twice a minute; the same call goes on from there.
    """
    key = checkpoint_key(
        *(settings, list(mean), list(std), index, split.images, *teacher.state_dict().values()),
        code=Path(__file__),
    )
    start_index = random_other_images(len(split.labels), settings.seed)[index]
    problem = _Problem(
        network=frozen(teacher).to(device),
        originals=split.images[index],
        starts=split.images[start_index],
        mean=mean,
        std=std,
        settings=settings,
        device=device,
    )
    images = np.empty(problem.starts.shape, np.float32)
    relative_distance = np.full(len(index), np.nan, np.float32)
    batch = _Batch.empty(problem)
    side = _SideFolder(side_folder, key)
    side.load(images, relative_distance, batch, problem)
    todo = np.setdiff1d(np.flatnonzero(np.isnan(relative_distance)), batch.row.cpu())
    unsaved: list[NDArray[np.int64]] = []
    last_save = time.monotonic()
    total, left = len(index) * settings.steps, _steps_left(batch, len(todo), settings)
    # Each look at what has ended costs one synchronization with the device.
    settle_every = 1 if device.type == "cpu" else 4
    with every_core(device) as share, Progress("construction", total=total, unit="steps", done=total - left) as bar:
        while True:
            free = (batch.row < 0).nonzero()[:, 0]
            batch.fill(free[: len(todo)], todo[: len(free)], problem)
            todo = todo[len(free) :]
            if bool((batch.row < 0).all()):
                break
            for _ in range(settle_every):
                batch.advance(problem, share)
            ended = batch.ended & (batch.row >= 0)
            if bool(ended.any()):
                rows = batch.row[ended].cpu().numpy()
                images[rows], relative_distance[rows] = batch.pixels[ended].cpu(), batch.relative[ended].cpu()
                unsaved.append(rows)
                batch.row[ended] = -1
            before, left = left, _steps_left(batch, len(todo), settings)
            bar.advance(before - left, _note(relative_distance, batch))
            if time.monotonic() - last_save > SECONDS_BETWEEN_CHECKPOINTS:
                side.save(unsaved, images, relative_distance, batch)
                unsaved, last_save = [], time.monotonic()
    details: dict[str, NDArray[Any]] = {"start_index": start_index, "relative_distance": relative_distance}
    return Split(images, split.labels[index], details)


def _steps_left(batch: "_Batch", n_waiting: int, settings: ConstructionSettings) -> int:
    in_work = (settings.steps - batch.step)[batch.row >= 0].sum()
    return int(in_work) + n_waiting * settings.steps


def _note(relative_distance: NDArray[np.float32], batch: "_Batch") -> str:
    finished = relative_distance[~np.isnan(relative_distance)]
    in_work = batch.relative[batch.row >= 0]
    parts = [
        f"{float(values.mean()):.3f} ({len(values)} {what})"
        for values, what in ((finished, "finished"), (in_work, "in work"))
        if len(values)
    ]
    return f"mean relative distance {', '.join(parts)}"


@dataclass
class _Problem:
    """The teacher, the images, and the representations that are to be matched."""

    network: Classifier
    originals: NDArray[np.generic]
    starts: NDArray[np.generic]
    mean: Sequence[float]
    std: Sequence[float]
    settings: ConstructionSettings
    device: torch.device
    target: Tensor = field(init=False)

    def __post_init__(self) -> None:
        size = self.settings.batch_size
        parts = []
        with torch.no_grad():
            for first in range(0, len(self.originals), size):
                # The last batch is filled up with the first image, so that all have the same shape.
                rows = np.arange(first, first + size)
                rows[rows >= len(self.originals)] = 0
                parts.append(self.features(self.pixels(self.originals, rows)))
        self.target = torch.cat(parts)[: len(self.originals)]

    def pixels(self, images: NDArray[np.generic], rows: NDArray[np.int64]) -> Tensor:
        """Images in [0, 1] on the device."""
        chosen = to_unit_range(torch.from_numpy(images[rows]).to(self.device))
        return chosen.contiguous(memory_format=torch.channels_last)

    def features(self, pixels: Tensor) -> Tensor:
        """What the teacher makes of images in [0, 1], with the surrogate gradient: [n, n_features]."""
        return self.network.features(standardize(pixels, self.mean, self.std), surrogate_relu=True)


@dataclass
class _Batch:
    """The images in work; place p works on number ``row[p]`` of the part's images, or on nothing where that is -1."""

    row: Tensor
    pixels: Tensor
    target: Tensor
    step: Tensor
    first_distance: Tensor
    relative: Tensor
    ended: Tensor

    @classmethod
    def empty(cls, problem: _Problem) -> "_Batch":
        n, device = problem.settings.batch_size, problem.device
        whole = torch.zeros(n, dtype=torch.int64, device=device)
        return cls(
            row=whole - 1,
            pixels=problem.pixels(problem.starts, np.zeros(n, np.int64)),
            target=problem.target[whole],
            step=whole.clone(),
            first_distance=whole.float(),
            relative=whole.float(),
            ended=whole.bool(),
        )

    def fill(self, places: Tensor, rows: NDArray[np.int64], problem: _Problem) -> None:
        """Begin with new images at free places."""
        if len(rows) == 0:
            return
        self.row[places] = torch.from_numpy(rows).to(places.device)
        self.pixels[places] = problem.pixels(problem.starts, rows)
        self.target[places] = problem.target[rows]
        self.step[places] = 0
        self.relative[places] = 1.0
        self.ended[places] = False

    def advance(self, problem: _Problem, share: Share) -> None:
        """One step of every image that has not ended; the pass that gives the gradient also gives the distance."""
        settings = problem.settings
        distance, gradient = share(
            lambda pixels, target: input_gradient(lambda x: row_norms(problem.features(x) - target), pixels),
            *(self.pixels, self.target),
        )
        self.first_distance = torch.where(self.step == 0, distance, self.first_distance)
        # A start that the teacher cannot tell from the original is at relative distance 0.
        self.relative = distance / self.first_distance.clamp(min=torch.finfo(distance.dtype).tiny)
        self.ended |= self.step >= settings.steps
        if settings.tolerance is not None:
            self.ended |= self.relative <= settings.tolerance
        moved = (self.pixels - settings.step_size * unit_direction(gradient, "l2")).clamp(0, 1)
        self.pixels = torch.where(per_row(self.ended, moved), self.pixels, moved)
        self.step += ~self.ended


class _SideFolder:
    """Where a construction saves finished images, each once, and after them the state of those in work."""

    def __init__(self, folder: Path, key: str) -> None:
        self._folder, self._key, self._n_files = folder, key, 0
        folder.mkdir(parents=True, exist_ok=True)

    def load(
        self,
        images: NDArray[np.float32],
        relative_distance: NDArray[np.float32],
        batch: _Batch,
        problem: _Problem,
    ) -> None:
        """Fill in what an interrupted construction has saved."""
        for path in sorted(self._folder.glob("finished_*.pt")):
            if saved := load_side_checkpoint(path, self._key):
                rows = saved["row"].numpy()
                images[rows], relative_distance[rows] = saved["images"], saved["relative_distance"]
                self._n_files += 1
        if saved := load_side_checkpoint(self._folder / "in_work.pt", self._key):
            # Between the two writes an image can be both finished and in work.
            row = saved["row"].numpy()
            places = np.flatnonzero((row >= 0) & np.isnan(relative_distance[row]))
            where = torch.from_numpy(places).to(problem.device)
            batch.fill(where, row[places], problem)
            for name in ("pixels", "step", "first_distance", "relative"):
                getattr(batch, name)[where] = saved[name].to(problem.device)[where]
        if n := int((~np.isnan(relative_distance)).sum()) + int((batch.row >= 0).sum()):
            logger.info("going on from a run that was interrupted: %d of %d images are begun or done", n, len(images))

    def save(
        self,
        newly_finished: Sequence[NDArray[np.int64]],
        images: NDArray[np.float32],
        relative_distance: NDArray[np.float32],
        batch: _Batch,
    ) -> None:
        """Add the newly finished rows, then replace the state of the images in work."""
        if newly_finished:
            rows = np.concatenate(newly_finished)
            finished = {"row": rows, "images": images[rows], "relative_distance": relative_distance[rows]}
            tensors = {name: torch.from_numpy(array) for name, array in finished.items()}
            save_side_checkpoint(self._folder / f"finished_{self._n_files:05d}.pt", self._key, tensors)
            self._n_files += 1
        in_work = {name: getattr(batch, name) for name in ("row", "pixels", "step", "first_distance", "relative")}
        save_side_checkpoint(self._folder / "in_work.pt", self._key, in_work)
