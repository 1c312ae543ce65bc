"""The robust dataset of Ilyas et al. (2019), constructed from a trained teacher.

Each image is a different random training image, moved until the teacher represents it as it
represents the original; it keeps the original's label. What remains of the original is what
the teacher sees.
"""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from feature_sensitivity.attacks.run_rows import batch_for_all_cores, run_rows
from feature_sensitivity.config.construction import ConstructionSettings
from feature_sensitivity.data.split import Split
from feature_sensitivity.data.standardization import Standardization
from feature_sensitivity.networks.attack_copy import N_IMAGES, attack_copy
from feature_sensitivity.networks.classifier import Classifier
from feature_sensitivity.runtime.batch_size import BatchSize
from feature_sensitivity.runtime.devices import device_identity
from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.runtime.partial_results import PartialResults, partial_result_key
from feature_sensitivity.training.construction_rows import ConstructionTask


def random_other_images(n: int, seed: int) -> NDArray[np.int64]:
    """Return for each of ``n`` >= 2 images another one: a random cyclic order, so none is its own start."""
    order = np.random.Generator(np.random.PCG64(seed)).permutation(n)
    other = np.empty(n, np.int64)
    other[order] = np.roll(order, 1)
    return other


def images_of_part(n: int, *, part: int, n_parts: int, batch_size: int) -> NDArray[np.int64]:
    """Return the indices, below ``n``, of part 1, 2, ... or ``n_parts``: whole batches, since each costs the same.

    Raises :class:`UserError` when there are fewer batches than parts.
    """
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
    standardization: Standardization,
    settings: ConstructionSettings,
    device: torch.device,
    unfinished_folder: Path,
) -> Split:
    """Return new images, float32 in [0, 1], for the images ``index`` of ``split``, with their labels.

    The l2 distance between the penultimate features of the moving image and the original's is minimized,
    the gradient passed through the last ReLU of a built-in network as through the identity; after each step
    the image is clipped to [0, 1]. The last iterate is taken. Further arrays of the result are ``start_index``, the
    image of ``split`` that was moved, and ``relative_distance``, the distance at the end divided by that at the start.

    Finished images and those in progress are saved in ``unfinished_folder``, several times a minute and on an
    interruption; the same call continues from there.
    """
    weights = [value.cpu() for value in teacher.state_dict().values()]
    computed_from = [settings, device_identity(device), standardization, index, split.images, *weights]
    key = partial_result_key(*computed_from, code=Path(__file__))
    partial_results = PartialResults(unfinished_folder, key)
    start_index = random_other_images(len(split.labels), settings.seed)[index]
    batch_size = BatchSize(settings.batch_size, key="the dataset's batch_size")
    first_images = standardization.standardize(torch.from_numpy(split.images[:N_IMAGES]).to(device))
    task = ConstructionTask(
        network=attack_copy(teacher, first_images),
        starts=split.images[start_index],
        standardization=standardization,
        settings=settings,
        device=device,
    )
    originals = split.images[index]
    target = partial_results.keep("target", lambda: batch_size.fit(partial(task.representations, originals)).cpu())
    task.target = target.to(device)
    results = run_rows(
        task,
        torch.arange(len(index)),
        n_rows=len(index),
        batch_size=batch_size,
        title="construction",
        partial_results=partial_results,
        batch_sizes=batch_for_all_cores,
    )
    details: dict[str, NDArray[Any]] = {
        "start_index": start_index,
        "relative_distance": results["relative_distance"].numpy(),
    }
    return Split(results["pixels"].numpy(), split.labels[index], details)
