"""The attack inside adversarial training (Madry et al. 2018)."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from feature_sensitivity.attacks.norms import norm_named
from feature_sensitivity.attacks.pgd import run_pgd
from feature_sensitivity.config.attack import Attack
from feature_sensitivity.config.training import TrainingSettings
from feature_sensitivity.networks.copies import copied
from feature_sensitivity.networks.folding import folded_copy
from feature_sensitivity.runtime.cpu_workers import Share


def attackable(network: nn.Module, settings: TrainingSettings) -> nn.Module:
    """Return a copy to attack, with the network's present weights."""
    if settings.attack_batchnorm == "eval":
        return folded_copy(network)
    # A copy, so that the attack leaves the running statistics alone.
    return copied(network).train().requires_grad_(False)


def attacked_images(
    attacked: Callable[[Tensor], Tensor],
    x: Tensor,
    y: Tensor,
    *,
    attack: Attack,
    generator: torch.Generator,
    share: Share,
) -> Tensor:
    """Return the images [n, ...] after PGD on the cross-entropy from uniform random starts."""

    def run(x: Tensor, y: Tensor, start: Tensor) -> tuple[Tensor]:
        def loss(points: Tensor) -> Tensor:
            return F.cross_entropy(attacked(points), y, reduction="none")

        return (run_pgd(loss, x, start, attack=attack),)

    start = norm_named(attack.norm).uniform(x.shape, attack.epsilon, generator)
    return x + share(run, x, y, start)[0]
