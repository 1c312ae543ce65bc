"""Features at the images that an attack on the classifier finds, and their gradients at the clean images.

Neither is an attack on a feature: they say how much of its movement the attack that matters uses (Zhang et al. 2019;
Madaan et al. 2020), and how far a linear function would move.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from feature_sensitivity.attacks.norms import norm_named, per_row
from feature_sensitivity.attacks.pgd import cross_entropy, input_gradient, run_pgd
from feature_sensitivity.attacks.random_starts import random_image_start
from feature_sensitivity.attacks.slots import RowStates, RowTask, row_indices
from feature_sensitivity.config.measurement import AccuracySettings
from feature_sensitivity.data.standardization import Standardization
from feature_sensitivity.evaluation.attacked_file import AttackedFile
from feature_sensitivity.evaluation.preparation import Prepared, prepare
from feature_sensitivity.networks.classifier import Classifier
from feature_sensitivity.networks.copies import ThreadCopies
from feature_sensitivity.runtime.console import Progress


@dataclass
class GradientRows(RowStates):
    """Rows with the dual norms of their gradients, ``gradient_norm`` [n]."""

    DERIVED: ClassVar[tuple[str, ...]] = ("feature", "x")

    feature: Tensor
    x: Tensor
    gradient_norm: Tensor


class GradientTask(RowTask[GradientRows]):
    """The rows (image, feature), numbered in this order, each of one step; ``norm``: of the ball, as in the config."""

    steps = 1

    def __init__(self, prepared: Prepared, *, norm: str) -> None:
        self._prepared, self._norm = prepared, norm_named(norm)
        self._networks = ThreadCopies(prepared.network)
        self.device = prepared.x.device
        self.shape = (len(prepared.x), len(prepared.features))

    def begin(self, rows: Tensor) -> GradientRows:
        """Return rows without their gradients."""
        image, column = row_indices(rows, self.shape)
        return GradientRows.new(
            rows,
            feature=self._prepared.features[column],
            x=self._prepared.x[image].contiguous(memory_format=torch.channels_last),
            gradient_norm=torch.zeros(len(rows), device=self.device),
        )

    def advance(self, states: GradientRows) -> None:
        """Compute the gradients, unless this was done: between two refills a batch is advanced several times."""
        if bool(states.ended.all()):
            return
        network = self._networks.mine()
        _, gradient = input_gradient(lambda points: network.selected_features(points, states.feature), states.x)
        states.gradient_norm = self._norm.dual(gradient)
        states.step += ~states.ended
        states.ended[:] = True
        states.evaluated[:] = True

    def result(self, states: GradientRows) -> dict[str, Tensor]:
        """Return the norms, [n]."""
        return {"gradient_norm": states.gradient_norm}


def measure_attacked_features(
    *,
    network: Classifier,
    x: Tensor,
    label: NDArray[np.int64],
    image_index: NDArray[np.int64],
    features: NDArray[np.int64],
    standardization: Standardization,
    attacks: Mapping[str, AccuracySettings],
    batch_size: int | None,
    device: torch.device,
    unfinished_folder: Path | None = None,
) -> AttackedFile:
    """Return the chosen features at attacked images, and their gradients at the images themselves.

    Images and features are given as to :func:`.feature_extrema.measure_extrema`. The only attribute is ``batch_size``:
    the argument or what fits the device, or what was left when memory ran out.

    Args:
        label: classes of the images [n_images].
        attacks: by epsilon as spelled in the config, all in one norm. Their ``iterate`` plays no part: see
            :func:`attacked_images`.
        batch_size: images at a time on a GPU or, for gradients, on each core; None fits the device.
        unfinished_folder: what was computed is saved there, after each epsilon and several times a minute; the same
            call continues from it.

    Raises:
        UserError: features are not finite or depend on other images, or memory is too small for one image.
    """
    first = next(iter(attacks.values()))
    prepared = prepare(
        network=network,
        x=x,
        image_index=image_index,
        features=features,
        standardization=standardization,
        clip_to_pixel_box=first.clip_to_pixel_box,
        batch_size=batch_size,
        device=device,
        unfinished_folder=unfinished_folder,
        key=[{epsilon: asdict(settings) for epsilon, settings in attacks.items()}, label],
        code=Path(__file__),
    )
    keep, labels = prepared.partial_results.keep, torch.from_numpy(label).to(device)

    def values(points: Tensor) -> tuple[Tensor, Tensor]:
        return prepared.feature_values(points).cpu(), _logits(prepared, points).cpu()

    clean, logits = keep("clean", lambda: values(prepared.x))
    largest = logits.topk(min(2, logits.shape[1])).values
    attacked, attacked_logits = zip(
        *(
            keep(epsilon, lambda settings=settings: values(attacked_images(prepared, labels, settings)))  # type: ignore[misc]
            for epsilon, settings in attacks.items()
        ),
        strict=True,
    )
    task = GradientTask(prepared, norm=first.attack.norm)
    results = prepared.run(task, "gradients", shape=task.shape)
    return AttackedFile(
        clean=clean.numpy(),
        attacked=torch.stack(attacked).numpy(),
        gradient_norm=results["gradient_norm"].reshape(task.shape).numpy(),
        margin=(largest[:, 0] - largest[:, -1]).numpy(),
        clean_prediction=logits.argmax(1).numpy(),
        attacked_prediction=torch.stack(attacked_logits).argmax(2).numpy(),
        label=label,
        image_index=image_index,
        feature_index=features,
        attributes={"batch_size": prepared.batch_size.rows},
    )


def attacked_images(prepared: Prepared, y: Tensor, settings: AccuracySettings) -> Tensor:
    """Return the images [n, ...] at the end of PGD on the cross-entropy; of several restarts that of the largest loss.

    Every image is attacked to the last step, whether it is classified as its label ``y``, int64 [n], or not. Random
    starts are those of the accuracy under attack.
    """

    def attempt(n_rows: int) -> Tensor:
        parts, split = [], [tensor.split(n_rows) for tensor in (prepared.x, y, prepared.image_index)]
        with Progress(f"attack at epsilon {settings.attack.epsilon:g}", total=len(y), unit="images") as bar:
            for images, labels, names in zip(*split, strict=True):
                parts.append(_strongest(prepared, images, labels, names, settings))
                bar.advance(len(images))
        return torch.cat(parts).contiguous(memory_format=torch.channels_last)

    return prepared.batch_size.fit(attempt)


def _strongest(prepared: Prepared, x: Tensor, y: Tensor, names: Tensor, settings: AccuracySettings) -> Tensor:
    loss = cross_entropy(prepared.network, y)
    attack, best, highest = settings.attack, x, torch.full_like(y, -torch.inf, dtype=x.dtype)
    for restart in range(settings.restarts):
        start = random_image_start(seed=settings.seed, image=names, restart=restart, shape=x.shape[1:], attack=attack)
        points = x + run_pgd(loss, x, start, attack=attack, bounds=prepared.bounds)
        with torch.no_grad():
            reached = loss(points)
        better = reached > highest
        best = torch.where(per_row(better, x), points, best)
        highest = torch.where(better, reached, highest)
    return best


@torch.no_grad()
def _logits(prepared: Prepared, x: Tensor) -> Tensor:
    """Return the logits of images, [n, n_classes]."""
    return prepared.batch_size.fit(lambda n_rows: torch.cat(list(map(prepared.network, x.split(n_rows)))))
