"""Random starts that depend on nothing but their names: seed, image, feature, direction, restart.

The generator is counter-based, so a start is a pure function of (seed, image, feature,
direction, restart): batch size, sharding, resuming and device cannot change it.
"""

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor

from feature_sensitivity.attacks.norms import norm_named
from feature_sensitivity.config.attack import Attack

MASK = 0xFFFFFFFF

MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)

WEYL = (0x9E3779B9, 0xBB67AE85)


def philox4x32(counter: Sequence[Tensor], key: tuple[int, int], *, rounds: int = 10) -> list[Tensor]:
    """Philox 4x32 (Salmon et al. 2011) in integer arithmetic, the same bits on every device.

    ``counter`` is four broadcastable int64 tensors with values in [0, 2**32), ``key`` two
    such numbers; returns four int64 tensors of random values in [0, 2**32).
    """
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(rounds):
        # int64 products wrap around, but all their 64 bits are right; the mask drops the sign's copies.
        p0, p1 = c0 * MULTIPLIERS[0], c2 * MULTIPLIERS[1]
        c0, c1, c2, c3 = ((p1 >> 32) & MASK) ^ c1 ^ k0, p1 & MASK, ((p0 >> 32) & MASK) ^ c3 ^ k1, p0 & MASK
        k0, k1 = (k0 + WEYL[0]) & MASK, (k1 + WEYL[1]) & MASK
    return [c0, c1, c2, c3]


def random_image_start(*, seed: int, image: Tensor, restart: int, shape: Sequence[int], attack: Attack) -> Tensor:
    """Return starts of an attack on whole images, which are those of feature 0, direction 0: [n, *shape]."""
    zeros = torch.zeros_like(image)
    return random_start(
        seed=seed,
        image=image,
        feature=zeros,
        direction=zeros,
        restart=zeros + restart,
        shape=shape,
        epsilon=attack.epsilon,
        norm=attack.norm,
    )


def random_start(
    *,
    seed: int,
    image: Tensor,
    feature: Tensor,
    direction: Tensor,
    restart: Tensor,
    shape: Sequence[int],
    epsilon: float,
    norm: str,
) -> Tensor:
    """Return perturbations [n, *shape], uniform in the ball of radius ``epsilon`` of ``norm``.

    There is one for each (image, feature, direction, restart), int64 [n] each; ``direction`` is 0 or 1.
    """
    ball = norm_named(norm)
    n_values = ball.n_numbers(prod(shape))
    block = torch.arange(-(-n_values // 4), device=image.device)
    names = [name[:, None] for name in (image, feature, restart * 2 + direction)]
    words = philox4x32([block[None, :], *names], (seed & MASK, (seed >> 32) & MASK))
    bits = torch.stack(torch.broadcast_tensors(*words), dim=2).flatten(1)[:, :n_values]
    return ball.uniform_from(bits >> 8, epsilon).reshape(-1, *shape)
