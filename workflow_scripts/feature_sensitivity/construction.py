"""The robust dataset of Ilyas et al. (2019), constructed from a trained teacher.

Each image is a different random training image, moved until the teacher represents it as it
represents the original; it keeps the original's label. What remains of the original is what
the teacher sees.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from feature_sensitivity.attacks import input_gradient, row_norms, unit_direction
from feature_sensitivity.console import Progress
from feature_sensitivity.datasets import Split, standardize, to_unit_range
from feature_sensitivity.models import Classifier, frozen
from feature_sensitivity.side_checkpoints import checkpoint_key, load_side_checkpoint, save_side_checkpoint


def random_other_images(n: int, seed: int) -> NDArray[np.int64]:
    """For each of ``n`` >= 2 images another one: a random cyclic order, so none is its own start."""
    order = np.random.Generator(np.random.PCG64(seed)).permutation(n)
    other = np.empty(n, np.int64)
    other[order] = np.roll(order, 1)
    return other


@dataclass(frozen=True, kw_only=True)
class ConstructionSettings:
    """l2-normalized gradient descent; the step size is in units of [0, 1] pixels."""

    steps: int
    step_size: float
    seed: int
    batch_size: int = 128


def construct(
    *,
    teacher: Classifier,
    split: Split,
    mean: Sequence[float],
    std: Sequence[float],
    settings: ConstructionSettings,
    device: torch.device,
    side_folder: Path,
) -> tuple[Split, NDArray[np.float32]]:
    """Images float32 in [0, 1] with the labels of ``split``, and relative representation distances [n].

    The l2 distance between the penultimate features of the moving image and the original's is minimized,
    the gradient passed through the last ReLU as through the identity; after each step the image is clipped
    to [0, 1]. The relative distance is the one at the end divided by the one at the start. Finished batches
    are kept in ``side_folder``, from which an interrupted construction goes on.
    """
    network = frozen(teacher).to(device)
    other = random_other_images(len(split.labels), settings.seed)
    key = checkpoint_key(
        *(settings, list(mean), list(std), split.images, split.labels, *teacher.state_dict().values()),
        modules=("construction", "attacks", "models"),
    )
    images = np.empty(split.images.shape, np.float32)
    distances = np.empty(len(images), np.float32)
    batches = np.array_split(np.arange(len(images)), -(-len(images) // settings.batch_size))
    with Progress("construction", total=len(images), unit="images") as bar:
        for number, batch in enumerate(batches):
            path = side_folder / f"batch_{number:05d}.pt"
            result = load_side_checkpoint(path, key)
            if result is None:
                original, start = (
                    to_unit_range(torch.from_numpy(split.images[rows]).to(device)) for rows in (batch, other[batch])
                )
                moved, relative = _match_representations(network, original, start, mean, std, settings)
                result = {"images": moved.cpu(), "relative_distance": relative.cpu()}
                save_side_checkpoint(path, key, result)
            images[batch], distances[batch] = result["images"], result["relative_distance"]
            bar.advance(len(batch), f"relative distance {distances[: batch[-1] + 1].mean():.3f}")
    return Split(images, split.labels), distances


def _match_representations(
    network: Classifier,
    original: Tensor,
    start: Tensor,
    mean: Sequence[float],
    std: Sequence[float],
    settings: ConstructionSettings,
) -> tuple[Tensor, Tensor]:
    """The moved images [n, ...] in [0, 1] and their relative representation distances [n]."""

    def features(pixels: Tensor) -> Tensor:
        x = standardize(pixels, mean, std).contiguous(memory_format=torch.channels_last)
        return network.features(x, surrogate_relu=True)

    with torch.no_grad():
        target = features(original)
        first = row_norms(features(start) - target)
    pixels = start
    for _ in range(settings.steps):
        _, gradient = input_gradient(lambda points: row_norms(features(points) - target), pixels)
        pixels = (pixels - settings.step_size * unit_direction(gradient, "l2")).clamp(0, 1)
    with torch.no_grad():
        last = row_norms(features(pixels) - target)
    return pixels, last / first.clamp(min=torch.finfo(first.dtype).tiny)
