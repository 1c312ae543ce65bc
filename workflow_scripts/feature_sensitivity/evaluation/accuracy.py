"""Robust accuracy: the share of images that are still classified correctly under attack."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from feature_sensitivity.attacks.pgd import accumulated, cross_entropy, input_gradient, step_sizes, take_step
from feature_sensitivity.attacks.projection import Bounds, pixel_box, project
from feature_sensitivity.attacks.random_starts import random_image_start
from feature_sensitivity.config.attack import Attack
from feature_sensitivity.config.measurement import AccuracySettings
from feature_sensitivity.data.batches import Batch, in_fitting_batches
from feature_sensitivity.data.split import Split
from feature_sensitivity.data.standardization import Standardization
from feature_sensitivity.networks.attack_copy import N_IMAGES, attack_copy
from feature_sensitivity.networks.classifier import Classifier
from feature_sensitivity.networks.predictions import is_correct
from feature_sensitivity.runtime.console import Progress
from feature_sensitivity.runtime.devices import rows_between_plans

BATCH_SIZE = 500


def correct_under_attack(
    *,
    network: Classifier,
    split: Split,
    image_index: NDArray[np.int64],
    standardization: Standardization,
    settings: AccuracySettings,
    device: torch.device,
    batch_size: int = BATCH_SIZE,
) -> NDArray[np.bool_]:
    """Return which images stay correctly classified under PGD on the cross-entropy, as bool [n].

    Args:
        network: its logits decide; a folded copy of it is attacked.
        split: images [n, channels, height, width] and labels [n].
        image_index: each image's index in its dataset [n], which names its random starts.
        standardization: of the images; epsilon is in its units, and 0 means no attack.
        settings: an image's random start depends on (seed, its index, the restart) alone.
    """
    attack = settings.attack
    network = network.to(device, memory_format=network.memory_format).eval()  # type: ignore[call-overload]
    attacked = attack_copy(network, _first_images(split, standardization, device))
    bounds = pixel_box(standardization, device) if settings.clip_to_pixel_box else None

    def survivors(batch: Batch) -> Tensor:
        rows, x, y = batch
        index = torch.from_numpy(image_index)[rows].to(device)
        standing = torch.ones_like(y, dtype=torch.bool)
        if attack.epsilon == 0 or settings.iterate == "any":
            standing = is_correct(network, x, y)
        for restart in range(settings.restarts if attack.epsilon > 0 else 0):
            left = standing.nonzero()[:, 0] if settings.iterate == "any" else torch.arange(len(y), device=device)
            if len(left) == 0:
                break
            start = random_image_start(
                seed=settings.seed,
                image=index[left],
                restart=restart,
                shape=x.shape[1:],
                attack=attack,
            )
            standing[left] &= _survives(
                network, attacked, x[left], y[left], start, attack=attack, iterate=settings.iterate, bounds=bounds
            )
        return standing

    correct = torch.zeros(len(split.labels), dtype=torch.bool)
    with Progress(f"accuracy at epsilon {attack.epsilon:g}", total=len(correct), unit="images") as bar:
        for rows, standing in in_fitting_batches(
            survivors, split, standardization, device=device, batch_size=batch_size
        ):
            correct[rows] = standing.cpu()
            bar.advance(len(rows))
    return correct.numpy()


def correct_under_one_step(
    *,
    network: Classifier,
    split: Split,
    standardization: Standardization,
    norm: str,
    epsilons: list[float],
    clip_to_pixel_box: bool = False,
    device: torch.device,
    batch_size: int = BATCH_SIZE,
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return which images stay correctly classified under the fast gradient method (Goodfellow et al. 2015).

    One step of length epsilon from the image itself: cheap, and so weak that PGD has to do better. Other
    arguments as in :func:`correct_under_attack`.

    Returns:
        bool [n_epsilons, n], and whether the gradient at the image is exactly zero, bool [n]: then an
        attack has nothing to follow.
    """
    network = network.to(device, memory_format=network.memory_format).eval()  # type: ignore[call-overload]
    attacked = attack_copy(network, _first_images(split, standardization, device))
    bounds = pixel_box(standardization, device) if clip_to_pixel_box else None

    def survivors(batch: Batch) -> tuple[list[Tensor], Tensor]:
        _, x, y = batch
        _, gradient = input_gradient(cross_entropy(attacked, y), x)
        standing = []
        for epsilon in epsilons:
            step = Attack(norm=norm, epsilon=epsilon, steps=1, step_size=epsilon)
            moved = take_step(torch.zeros_like(x), gradient, x, length=epsilon, attack=step, bounds=bounds)
            standing.append(is_correct(network, x + moved, y))
        return standing, gradient.flatten(1).abs().amax(1) == 0

    correct = torch.zeros(len(epsilons), len(split.labels), dtype=torch.bool)
    zero_gradient = torch.zeros(len(split.labels), dtype=torch.bool)
    for rows, (standing, has_none) in in_fitting_batches(
        survivors, split, standardization, device=device, batch_size=batch_size
    ):
        zero_gradient[rows] = has_none.cpu()
        for i, stands in enumerate(standing):
            correct[i, rows] = stands.cpu()
    return correct.numpy(), zero_gradient.numpy()


def _first_images(split: Split, standardization: Standardization, device: torch.device) -> Tensor:
    return standardization.standardize(torch.from_numpy(split.images[:N_IMAGES]).to(device))


def _survives(
    network: Classifier,
    attacked: Classifier,
    x: Tensor,
    y: Tensor,
    start: Tensor,
    *,
    attack: Attack,
    iterate: str,
    bounds: Bounds | None,
) -> Tensor:
    """Return which images stay correct under one attack, bool [n].

    ``attacked`` gives gradients, ``network`` decides. Images that no longer stand leave the attack, if any iterate
    counts: at once, or as soon as the batch has shrunk to the next size that the device plans its kernels for.
    """
    standing = torch.ones_like(y, dtype=torch.bool)
    rows, multiple = torch.arange(len(y), device=y.device), rows_between_plans(y.device)
    perturbation = project(start, x, norm=attack.norm, epsilon=attack.epsilon, bounds=bounds)
    velocity = torch.zeros_like(x)
    for length in step_sizes(attack.step_size, steps=attack.steps, schedule=attack.schedule):
        if iterate == "any":
            stands = is_correct(network, x + perturbation, y)
            standing[rows] &= stands
            n_standing = int(standing[rows].sum())
            if n_standing == 0:
                return standing
            # Those that stand come first; fallen ones that fill up the batch stay fallen.
            n_kept = min(len(rows), -(-n_standing // multiple) * multiple)
            if n_kept < len(rows):
                kept = torch.argsort(standing[rows].logical_not().byte(), stable=True)[:n_kept]
                x, y, rows, perturbation, velocity = (t[kept] for t in (x, y, rows, perturbation, velocity))
        _, gradient = input_gradient(cross_entropy(attacked, y), x + perturbation)
        velocity = accumulated(gradient, velocity, attack.momentum)
        perturbation = take_step(perturbation, velocity, x, length=length, attack=attack, bounds=bounds)
    standing[rows] &= is_correct(network, x + perturbation, y)
    return standing
