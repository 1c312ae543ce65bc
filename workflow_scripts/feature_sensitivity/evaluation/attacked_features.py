"""Features at the images that an attack on the classifier finds, and their gradients at the clean images.

Neither is an attack on a feature: they say how much of its movement the attack that matters uses (Zhang et al. 2019;
Madaan et al. 2020), and how far a linear function would move.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from feature_sensitivity.attacks.norms import per_row
from feature_sensitivity.attacks.pgd import run_pgd
from feature_sensitivity.attacks.projection import Bounds, pixel_box
from feature_sensitivity.attacks.random_starts import random_image_start
from feature_sensitivity.attacks.row_workers import batch_for_each_core
from feature_sensitivity.attacks.run_rows import run_rows
from feature_sensitivity.config.measurement import AccuracySettings
from feature_sensitivity.data.standardization import Standardization
from feature_sensitivity.evaluation.feature_extrema import rows_at_a_time
from feature_sensitivity.evaluation.feature_values import feature_values
from feature_sensitivity.evaluation.gradient_rows import GradientTask
from feature_sensitivity.networks.attack_copy import attack_copy
from feature_sensitivity.networks.classifier import Classifier
from feature_sensitivity.runtime.console import Progress
from feature_sensitivity.runtime.partial_results import partial_result_key
from feature_sensitivity.runtime.resume import PartialResults


@dataclass(frozen=True)
class AttackedFeatures:
    """What an attack on the classifier does to features.

    Attributes:
        clean: features of the images, float32 [n_images, n_features].
        attacked: features of the attacked images, float32 [n_epsilons, n_images, n_features].
        gradient_norm: dual norms of the features' gradients at the images, float32 [n_images, n_features].
        clean_prediction: the class of each image, int64 [n_images].
        attacked_prediction: the class of each attacked image, int64 [n_epsilons, n_images].
        batch_size: that of the settings or the device, or what was left of it when memory ran out.
    """

    clean: NDArray[np.float32]
    attacked: NDArray[np.float32]
    gradient_norm: NDArray[np.float32]
    clean_prediction: NDArray[np.int64]
    attacked_prediction: NDArray[np.int64]
    batch_size: int


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
) -> AttackedFeatures:
    """Return the chosen features at attacked images, and their gradients at the images themselves.

    Args:
        x: standardized images [n_images, channels, height, width].
        label: their classes [n_images].
        image_index: each image's index in its dataset [n_images], which names its random starts.
        features: indices of the features [n_features], the columns of the result.
        standardization: gives the pixel box in the units of ``x``.
        attacks: by epsilon as spelled in the config, all in one norm. Their ``iterate`` plays no part: see
            :func:`attacked_images`.
        batch_size: images at a time on a GPU or, for gradients, on each core; None fits the device.
        unfinished_folder: what was computed is saved there, after each epsilon and several times a minute; the same
            call continues from it.

    Raises:
        UserError: features are not finite or depend on other images, or memory is too small for one image.
    """
    rows = rows_at_a_time(batch_size, x, device)
    first = next(iter(attacks.values()))
    weights = [value.cpu() for value in network.state_dict().values()]
    key = partial_result_key(
        {epsilon: asdict(settings) for epsilon, settings in attacks.items()},
        device.type,
        rows.rows,
        repr(network),
        network.origin,
        image_index,
        label,
        features,
        x,
        *weights,
        code=Path(__file__),
    )
    folded = attack_copy(network, x.to(device))
    images = x.to(device).contiguous(memory_format=torch.channels_last)
    chosen, labels = torch.from_numpy(features).to(device), torch.from_numpy(label).to(device)
    names = torch.from_numpy(image_index).to(device)
    bounds = pixel_box(standardization, device) if first.clip_to_pixel_box else None
    partial_results = PartialResults(unfinished_folder, key)
    saved = partial_results.load()
    found: dict[str, Tensor] = dict(saved.kept) if saved else {}
    if saved:
        rows.rows = saved.batch_size or rows.rows

    def keep(name: str, points: Tensor) -> None:
        found[name] = rows.fit(lambda n: feature_values(folded, points, chosen, n)).cpu()
        found[f"{name}_prediction"] = rows.fit(lambda n: _predictions(folded, points, n)).cpu()
        partial_results.keep(found)

    if "clean" not in found:
        keep("clean", images)
    for epsilon, settings in attacks.items():
        if epsilon not in found:
            attacked = rows.fit(
                lambda n, settings=settings: attacked_images(  # type: ignore[misc]
                    folded, images, labels, names, settings=settings, bounds=bounds, batch_size=n
                )
            )
            keep(epsilon, attacked)
    task = GradientTask(network=folded, x=images, features=chosen, norm=first.attack.norm)
    n_rows = len(images) * len(features)
    results = run_rows(
        task,
        torch.arange(n_rows),
        n_rows=n_rows,
        batch_size=rows,
        batch_sizes=batch_for_each_core,
        partial_results=partial_results,
        saved=saved,
        title="gradients",
    )
    return AttackedFeatures(
        clean=found["clean"].numpy(),
        attacked=torch.stack([found[epsilon] for epsilon in attacks]).numpy(),
        gradient_norm=results["gradient_norm"].reshape(task.shape).numpy(),
        clean_prediction=found["clean_prediction"].numpy(),
        attacked_prediction=torch.stack([found[f"{epsilon}_prediction"] for epsilon in attacks]).numpy(),
        batch_size=rows.rows,
    )


def attacked_images(
    network: Classifier,
    x: Tensor,
    y: Tensor,
    image_index: Tensor,
    *,
    settings: AccuracySettings,
    bounds: Bounds | None,
    batch_size: int,
) -> Tensor:
    """Return the images [n, ...] at the end of PGD on the cross-entropy; of several restarts that of the largest loss.

    Every image is attacked to the last step, whether it is classified correctly or not. Random starts are those of
    the accuracy under attack.
    """
    attack = settings.attack
    parts = []
    with Progress(f"attack at epsilon {attack.epsilon:g}", total=len(x), unit="images") as bar:
        for images, labels, names in zip(
            x.split(batch_size), y.split(batch_size), image_index.split(batch_size), strict=True
        ):

            def loss(points: Tensor, labels: Tensor = labels) -> Tensor:
                return F.cross_entropy(network(points), labels, reduction="none")

            best, highest = images, torch.full_like(labels, -torch.inf, dtype=images.dtype)
            for restart in range(settings.restarts):
                start = random_image_start(
                    seed=settings.seed,
                    image=names,
                    restart=restart,
                    shape=images.shape[1:],
                    attack=attack,
                )
                points = images + run_pgd(loss, images, start, attack=attack, bounds=bounds)
                with torch.no_grad():
                    reached = loss(points)
                better = reached > highest
                best = torch.where(per_row(better, images), points, best)
                highest = torch.where(better, reached, highest)
            parts.append(best)
            bar.advance(len(images))
    return torch.cat(parts).contiguous(memory_format=torch.channels_last)


@torch.no_grad()
def _predictions(network: Classifier, x: Tensor, batch_size: int) -> Tensor:
    """Return the class that the network gives each image, int64 [n]."""
    return torch.cat([network(images).argmax(1) for images in x.split(batch_size)])
