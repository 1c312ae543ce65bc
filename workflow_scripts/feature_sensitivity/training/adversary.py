"""The attack inside adversarial training (Madry et al. 2018)."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from feature_sensitivity.attacks.pgd import run_pgd
from feature_sensitivity.attacks.projection import per_row, row_norms
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

    return x + share(run, x, y, _uniform_in_ball(x, attack, generator))[0]


def _uniform_in_ball(x: Tensor, attack: Attack, generator: torch.Generator) -> Tensor:
    if attack.norm == "linf":
        return (torch.rand(x.shape, generator=generator, device=x.device) * 2 - 1) * attack.epsilon
    direction = torch.randn(x.shape, generator=generator, device=x.device)
    radius = torch.rand(len(x), generator=generator, device=x.device) ** (1 / x[0].numel())
    return direction * per_row(attack.epsilon * radius / row_norms(direction), x)
