"""Random starts that depend on nothing but their names: seed, image, feature, direction, restart.

The generator is counter-based, so a start is a pure function of (seed, image, feature,
direction, restart): batch size, sharding, resuming and device cannot change it.
"""

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor

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


def random_bits(
    *, seed: int, image: Tensor, feature: Tensor, direction: Tensor, restart: Tensor, n_values: int
) -> Tensor:
    """Return random integers in [0, 2**32), int64 [n, n_values], a row for each (image, feature, direction, restart).

    The four names are int64 tensors [n]; ``direction`` is 0 or 1.
    """
    block = torch.arange(-(-n_values // 4), device=image.device)
    names = [name[:, None] for name in (image, feature, restart * 2 + direction)]
    words = philox4x32([block[None, :], *names], (seed & MASK, (seed >> 32) & MASK))
    return torch.stack(torch.broadcast_tensors(*words), dim=2).flatten(1)[:, :n_values]


def random_image_start(
    *, seed: int, image: Tensor, restart: int, shape: Sequence[int], epsilon: float, norm: str
) -> Tensor:
    """Return starts of an attack on whole images, which are those of feature 0, direction 0: [n, *shape]."""
    zeros = torch.zeros_like(image)
    return random_start(
        seed=seed,
        image=image,
        feature=zeros,
        direction=zeros,
        restart=zeros + restart,
        shape=shape,
        epsilon=epsilon,
        norm=norm,
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
    """Return perturbations [n, *shape], uniform in the ball of radius ``epsilon`` of ``norm`` ("linf" or "l2")."""
    n_values = prod(shape)
    names = {"image": image, "feature": feature, "direction": direction, "restart": restart}
    if norm == "linf":
        bits = random_bits(seed=seed, **names, n_values=n_values)
        # 24 bits make an odd multiple of 2**-24 in (-1, 1), exact in float32.
        unit = ((bits >> 8) * 2 + 1 - 2**24).to(torch.float32) * 2.0**-24
        return (unit * epsilon).reshape(-1, *shape)
    # Logarithms and cosines differ between devices, so Gaussian directions are computed on the CPU.
    bits = random_bits(seed=seed, **names, n_values=2 * n_values + 1).cpu()
    uniform = ((bits >> 8).double() + 0.5) * 2.0**-24
    first, second, radius = uniform.split((n_values, n_values, 1), dim=1)
    gaussian = (-2 * first.log()).sqrt() * (2 * torch.pi * second).cos()
    length = torch.linalg.vector_norm(gaussian, dim=1, keepdim=True)
    points = gaussian / length * radius.pow(1 / n_values) * epsilon
    return points.float().to(image.device).reshape(-1, *shape)
