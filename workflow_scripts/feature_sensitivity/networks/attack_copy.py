"""The copy of a network that is attacked, after a check on a few images that every shortcut is right for it."""

import logging
from collections.abc import Callable
from functools import cache

import torch
from torch import Tensor

from feature_sensitivity.networks.architectures.resnet18 import ResNet18
from feature_sensitivity.networks.classifier import Classifier
from feature_sensitivity.networks.folding import folded_copy, unfolded_copy
from feature_sensitivity.networks.graph import NORMS, graph_of
from feature_sensitivity.networks.normalized import NormalizedClassifier
from feature_sensitivity.runtime.errors import UserError

logger = logging.getLogger(__name__)

N_IMAGES = 4
TOLERANCE = 1e-3
"""Rounding changes values by less than this share of the largest one."""

GRADIENT_TOLERANCE = 0.05
"""And gradients, which jump where a ReLU opens, by less than this share of their length."""


def attack_copy(network: Classifier, x: Tensor) -> Classifier:
    """Return a copy for attacks on the device of ``x``: folded, with every shortcut that holds for this network.

    ``x``: standardized images, of which a few check that the folded network computes the same, that one selected
    feature is that of all features, and that no feature lies below the known minimum. What does not hold is left out
    and logged. Without weight gradients, in eval mode.

    Raises :class:`UserError` when the network's output for an image is random or depends on the other images.
    """
    plain = unfolded_copy(network).to(x.device)
    folded = folded_copy(network).to(x.device)
    sample = x[:N_IMAGES].contiguous(memory_format=network.memory_format)
    values = plain.features(sample)
    if not bool(values.isfinite().all()):
        return folded  # whoever uses them says so
    require_independent_rows(plain, sample)
    if not _same(plain.features, folded.features, sample):
        _leave_out("folding BatchNorm, because the folded network computes something else")
        folded = plain
    elif any(isinstance(module, NORMS) for module in network.modules()) and graph_of(network) is None:
        _leave_out("folding BatchNorm, because torch.fx cannot trace the network")
    index = torch.arange(len(sample), device=x.device) % values.shape[1]
    rows = torch.arange(len(sample), device=x.device)
    body: torch.nn.Module = folded
    while isinstance(body, NormalizedClassifier):  # of its own, and of the unit of epsilon
        body = body.classifier
    if isinstance(body, ResNet18) and not _same(
        lambda points: folded.features(points)[rows, index],
        lambda points: folded.selected_features(points, index),
        sample,
    ):
        _leave_out("computing one channel of the last convolution, because it gives something else")
        body.computes_one_channel = False
    if bool((folded.features(sample) < folded.feature_minimum).any()):
        _leave_out(f"the known minimum of features, {folded.feature_minimum:g}, because some lie below it")
        folded.feature_minimum = Classifier.feature_minimum
    return folded


@torch.no_grad()
def require_independent_rows(network: Classifier, x: Tensor) -> None:
    """Raise :class:`UserError` when the features of the first image change from pass to pass, or with the others."""
    first = network.features(torch.cat([x[:1], x.flip(0)]))[0]
    again = network.features(torch.cat([x[:1], x.flip(0)]))[0]
    beside_others = network.features(torch.cat([x[:1], -3 * x]))[0]
    if not _close(first, again):
        raise UserError(
            "the network gives another output each time for the same image, even in eval mode; remove what is random "
            "in it, such as dropout called with training=True"
        )
    if not _close(first, beside_others):
        raise UserError(
            "the network's output for an image depends on the other images of its batch, even in eval mode, so a "
            "perturbation of one image cannot be measured; let its BatchNorm use running statistics"
        )


def _same(first: Callable[[Tensor], Tensor], second: Callable[[Tensor], Tensor], x: Tensor) -> bool:
    """Return whether two functions of images agree up to rounding, in values and gradients."""
    results = []
    for function in (first, second):
        points = x.detach().clone(memory_format=torch.preserve_format).requires_grad_()
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
