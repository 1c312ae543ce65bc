"""Robust accuracy: the share of images that are still classified correctly under attack."""

from collections.abc import Sequence
from functools import partial
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from feature_sensitivity.attacks.pgd import PGD, input_gradient
from feature_sensitivity.attacks.projection import Bounds, pixel_box
from feature_sensitivity.attacks.random_starts import random_start
from feature_sensitivity.data.standardization import standardize
from feature_sensitivity.networks.classifier import Classifier
from feature_sensitivity.networks.folding import frozen
from feature_sensitivity.runtime.console import Progress


def correct_under_attack(
    *,
    network: Classifier,
    images: NDArray[Any],
    labels: NDArray[np.int64],
    image_index: NDArray[np.int64],
    mean: Sequence[float],
    std: Sequence[float],
    attack: PGD,
    iterate: str = "last",
    restarts: int = 1,
    clip_to_pixel_box: bool = False,
    seed: int,
    device: torch.device,
    batch_size: int = 500,
) -> NDArray[np.bool_]:
    """Which images stay correctly classified under PGD on the cross-entropy, as bool [n].

    Args:
        images: uint8 or float32 in [0, 1], [n, channels, height, width].
        labels: [n].
        image_index: each image's index in its dataset [n], which names its random starts.
        attack: epsilon and step size in standardized units; epsilon 0 means no attack.
        iterate: ``last``: the last iterate of each restart decides. ``any``: an image counts as correct only
            if it is so without attack and at every iterate; those that are not leave the attack at once.
        clip_to_pixel_box: keep attacked images in the range of real ones.
        seed: an image's random start depends on (seed, its index, the restart) alone.
    """
    network = network.to(device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
    attacked = frozen(network)
    bounds = pixel_box(mean, std, device) if clip_to_pixel_box else None
    correct = torch.zeros(len(labels), dtype=torch.bool)
    with Progress(f"accuracy at epsilon {attack.epsilon:g}", total=len(correct), unit="images") as bar:
        for batch in torch.arange(len(correct)).split(batch_size):
            x = standardize(torch.from_numpy(images)[batch].to(device), mean, std)
            x = x.contiguous(memory_format=torch.channels_last)
            y, index = (torch.from_numpy(values)[batch].to(device) for values in (labels, image_index))
            standing = torch.ones_like(y, dtype=torch.bool)
            if attack.epsilon == 0 or iterate == "any":
                standing = _is_correct(network, x, y)
            for restart in range(restarts if attack.epsilon > 0 else 0):
                rows = standing.nonzero()[:, 0] if iterate == "any" else torch.arange(len(y), device=device)
                start = _random_start(index[rows], restart, x.shape[1:], attack, seed)
                standing[rows] &= _survives(network, attacked, x[rows], y[rows], start, attack, iterate, bounds)
            correct[batch] = standing.cpu()
            bar.advance(len(batch))
    return correct.numpy()


def correct_under_one_step(
    *,
    network: Classifier,
    images: NDArray[Any],
    labels: NDArray[np.int64],
    mean: Sequence[float],
    std: Sequence[float],
    norm: str,
    epsilons: Sequence[float],
    clip_to_pixel_box: bool = False,
    device: torch.device,
    batch_size: int = 500,
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which images stay correctly classified under the fast gradient method (Goodfellow et al. 2015).

    One step of length epsilon from the image itself: cheap, and so weak that PGD has to do better. Other
    arguments as in :func:`correct_under_attack`.

    Returns:
        bool [n_epsilons, n], and whether the gradient at the image is exactly zero, bool [n]: then an
        attack has nothing to go by.
    """
    network = network.to(device, memory_format=torch.channels_last).eval()  # type: ignore[call-overload]
    attacked = frozen(network)
    bounds = pixel_box(mean, std, device) if clip_to_pixel_box else None
    correct = torch.zeros(len(epsilons), len(labels), dtype=torch.bool)
    zero_gradient = torch.zeros(len(labels), dtype=torch.bool)
    for batch in torch.arange(len(labels)).split(batch_size):
        x = standardize(torch.from_numpy(images)[batch].to(device), mean, std)
        x = x.contiguous(memory_format=torch.channels_last)
        y = torch.from_numpy(labels)[batch].to(device)
        _, gradient = input_gradient(partial(_cross_entropy, attacked, y), x)
        zero_gradient[batch] = (gradient.flatten(1).abs().amax(1) == 0).cpu()
        for i, epsilon in enumerate(epsilons):
            step = PGD(norm=norm, epsilon=epsilon, steps=1, step_size=epsilon)
            correct[i, batch] = _is_correct(network, x + step.step(torch.zeros_like(x), gradient, x, bounds), y).cpu()
    return correct.numpy(), zero_gradient.numpy()


def _random_start(index: Tensor, restart: int, shape: Sequence[int], attack: PGD, seed: int) -> Tensor:
    none = torch.zeros_like(index)
    return random_start(
        seed=seed,
        image=index,
        feature=none,
        direction=none,
        restart=none + restart,
        shape=shape,
        epsilon=attack.epsilon,
        norm=attack.norm,
    )


def _survives(
    network: Classifier,
    attacked: Classifier,
    x: Tensor,
    y: Tensor,
    start: Tensor,
    attack: PGD,
    iterate: str,
    bounds: Bounds | None,
) -> Tensor:
    """Which images stay correct under one attack, bool [n]; ``attacked`` gives gradients, ``network`` decides."""
    standing = torch.ones_like(y, dtype=torch.bool)
    rows = torch.arange(len(y), device=y.device)
    perturbation = attack.project(start, x, bounds)
    for _ in range(attack.steps):
        if iterate == "any":
            stands = _is_correct(network, x + perturbation, y)
            standing[rows] = stands
            x, y, perturbation, rows = x[stands], y[stands], perturbation[stands], rows[stands]
            if len(rows) == 0:
                return standing
        _, gradient = input_gradient(partial(_cross_entropy, attacked, y), x + perturbation)
        perturbation = attack.step(perturbation, gradient, x, bounds)
    standing[rows] = _is_correct(network, x + perturbation, y)
    return standing


def _cross_entropy(network: Classifier, y: Tensor, x: Tensor) -> Tensor:
    return F.cross_entropy(network(x), y, reduction="none")


def _is_correct(network: Classifier, x: Tensor, y: Tensor) -> Tensor:
    with torch.no_grad():
        return cast("Tensor", network(x).argmax(1) == y)
