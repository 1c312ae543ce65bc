"""The copy of a network that is attacked, after a check on a few images that every shortcut is right for it."""

import logging
from collections.abc import Callable, Sequence
from functools import cache
from typing import cast

import torch
from torch import Tensor

from feature_sensitivity.networks.architectures.resnet18 import ResNet18
from feature_sensitivity.networks.classifier import Classifier
from feature_sensitivity.networks.folding import Pair, folded_copy, pairs_of, pairs_seen, unfolded_copy
from feature_sensitivity.networks.graph import NORMS, graph_of
from feature_sensitivity.networks.measured import MeasuredNetwork
from feature_sensitivity.networks.normalized import NormalizedClassifier
from feature_sensitivity.runtime.errors import UserError

logger = logging.getLogger(__name__)

N_IMAGES = 4
TOLERANCE = 1e-3
"""Rounding changes values by less than this share of the largest one."""

GRADIENT_TOLERANCE = 0.05
"""And gradients, which jump where a ReLU opens, by less than this share of their length."""


def attack_copy(network: Classifier, x: Tensor, batch_size: int = 16) -> Classifier:
    """Return a copy for attacks on the device of ``x``: folded, with every shortcut that holds for this network.

    Without weight gradients, in eval mode. What does not hold is left out and logged.

    Args:
        network: in eval mode.
        x: standardized images, of which a few, as they are and perturbed, check that the folded network computes the
            same, that one selected feature is that of all features, and that none lies beyond its known bounds.
        batch_size: rows that an attack computes at a time; each has to be independent of the others.

    Raises :class:`UserError` when the network's output for an image is random or depends on the other images.
    """
    plain = unfolded_copy(network).to(x.device)
    sample = x[:N_IMAGES].contiguous(memory_format=network.memory_format)
    values = plain.features(sample)
    if not bool(values.isfinite().all()):
        return folded_copy(network).to(x.device)  # whoever uses them says so
    body: torch.nn.Module = plain
    while isinstance(body, NormalizedClassifier):  # of its own, and of the unit of epsilon
        body = body.classifier
    # Rows of the built-in networks are independent; of others it has to be tried in batches as large as the attack's.
    require_independent_rows(plain, sample, batch_size if isinstance(body, MeasuredNetwork) else N_IMAGES)
    checked = torch.cat([sample, perturbed(sample)])
    folded = _folded(network, plain, checked)
    index = torch.arange(len(checked), device=x.device) % values.shape[1]
    rows = torch.arange(len(checked), device=x.device)
    if isinstance(body, ResNet18) and not _same(
        lambda points: folded.features(points)[rows, index],
        lambda points: folded.selected_features(points, index),
        checked,
    ):
        _leave_out("computing one channel of the last convolution, because it gives something else")
        body = folded
        while isinstance(body, NormalizedClassifier):
            body = body.classifier
        cast("ResNet18", body).computes_one_channel = False
    values = folded.features(checked)
    beyond = [
        end
        for end, is_beyond in (
            (folded.feature_minimum, values < folded.feature_minimum),
            (folded.feature_maximum, values > folded.feature_maximum * (1 + TOLERANCE)),
        )
        if bool(is_beyond.any())
    ]
    if beyond:
        _leave_out(f"the known bound of features, {beyond[0]:g}, because some lie beyond it")
        folded.feature_minimum, folded.feature_maximum = Classifier.feature_minimum, Classifier.feature_maximum
    return folded


def _folded(network: Classifier, plain: Classifier, x: Tensor) -> Classifier:
    """Return the network with every pair folded that may be."""
    norms = sum(isinstance(module, NORMS) for module in network.modules())
    pairs = pairs_of(network) if graph_of(network) is not None else pairs_seen(plain, x)
    good = _right_ones(network, plain, pairs, x)
    if len(good) < len(pairs):
        kept = ", ".join(pair.norm for pair in pairs if pair not in good)
        _leave_out(f"folding BatchNorm in {kept}, because the folded network computes something else")
    elif norms and not pairs:
        _leave_out("folding BatchNorm, because no plain BatchNorm stands alone behind a convolution")
    return folded_copy(network, good).to(x.device) if good else plain


def _right_ones(network: Classifier, plain: Classifier, pairs: Sequence[Pair], x: Tensor) -> list[Pair]:
    """Return the pairs with which the folded network computes the same, as halving the others finds them."""
    if not pairs or _same(plain.features, folded_copy(network, pairs).to(x.device).features, x):
        return list(pairs)
    if len(pairs) == 1:
        return []
    half = len(pairs) // 2
    good = _right_ones(network, plain, pairs[:half], x) + _right_ones(network, plain, pairs[half:], x)
    return good if _same(plain.features, folded_copy(network, good).to(x.device).features, x) else []


def perturbed(x: Tensor) -> Tensor:
    """Return images [n, ...] half of whose pixels are others, drawn from the range of their channel."""
    low, high = x.amin(dim=(0, 2, 3), keepdim=True), x.amax(dim=(0, 2, 3), keepdim=True)
    generator = torch.Generator().manual_seed(0)
    drawn = low + (high - low) * torch.rand(x.shape, generator=generator).to(x)
    other = torch.rand(x.shape, generator=generator).to(x) < 0.5
    return torch.where(other, drawn, x).contiguous(memory_format=_format_of(x))


@torch.no_grad()
def require_independent_rows(network: Classifier, x: Tensor, batch_size: int = 16) -> None:
    """Raise :class:`UserError` when the features of an image change from pass to pass, or with the rest of its batch.

    Every row of a batch is compared: with itself in a second pass, in another place, beside other images, and alone.
    ``x``: a few images; the others are made of them and lie between them.
    """
    n = max(batch_size, 2)
    rows = x[torch.arange(n) % len(x)].contiguous(memory_format=network.memory_format)
    others = perturbed(rows)
    first_half = (torch.arange(n, device=x.device) < n // 2).view(-1, 1, 1, 1)
    there = network.features(rows)
    if not _close(there, network.features(rows)):
        raise UserError(
            "the network gives another output each time for the same image, even in eval mode; remove what is random "
            "in it, such as dropout called with training=True"
        )
    turned = network.features(rows.flip(0)).flip(0)
    beside = torch.cat(
        [
            network.features(torch.where(first_half, rows, others))[: n // 2],
            network.features(torch.where(first_half, others, rows))[n // 2 :],
        ]
    )
    together = _close(there, turned) and _close(there, beside)
    if not together or not _close(
        there[:N_IMAGES], torch.cat([network.features(row[None]) for row in rows[:N_IMAGES]])
    ):
        statistics = [
            name
            for name, module in network.named_modules()
            if isinstance(module, NORMS) and (module.running_mean is None or module.training)
        ]
        advice = (
            f"let its BatchNorm ({', '.join(statistics[:3])}) use running statistics"
            if statistics
            else "its code has to treat every row of a batch alike, and by itself"
        )
        raise UserError(
            "the network's output for an image depends on the other images of its batch, or on its place among them, "
            f"even in eval mode, so a perturbation of one image cannot be measured; {advice}"
        )


def _format_of(x: Tensor) -> torch.memory_format:
    return torch.channels_last if x.is_contiguous(memory_format=torch.channels_last) else torch.contiguous_format


def _same(first: Callable[[Tensor], Tensor], second: Callable[[Tensor], Tensor], x: Tensor) -> bool:
    """Return whether two functions of images agree up to rounding, in values and gradients."""
    results = []
    for function in (first, second):
        points = x.detach().clone(memory_format=torch.preserve_format).requires_grad_()
        with torch.enable_grad():
            values = function(points)
        (gradient,) = torch.autograd.grad(values.sum(), points)
        results.append((values.detach(), gradient))
    (values, gradient), (other_values, other_gradient) = results
    return _close(values, other_values) and bool(
        (gradient - other_gradient).norm() <= GRADIENT_TOLERANCE * gradient.norm()
    )


def _close(first: Tensor, second: Tensor) -> bool:
    return bool((first - second).abs().max() <= TOLERANCE * first.abs().max())


@cache  # a measurement in blocks of images makes a copy for each
def _leave_out(what: str) -> None:
    logger.warning("for this network one shortcut is left out: %s", what)
