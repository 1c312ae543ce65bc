"""The engine against foolbox as documented and a plain loop with frozen weights, on networks of several kinds.

Weights are new, with BatchNorm's statistics of random images: hardly a row finishes early, so that what is compared is
the speed of the kernels. Every side attacks rows with the same starts, in as many steps. Peers attack a sample of the
rows, with their best batch size, in a process of their own (peers.py).
"""

import argparse
import multiprocessing
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from statistics import median
from typing import NamedTuple

import numpy as np
import peers
import torch
from machine import describe, seconds
from problem import Problem
from torch import nn
from torchvision import models

from feature_sensitivity.data.standardization import Standardization
from feature_sensitivity.networks.build import build
from feature_sensitivity.networks.measured import measured
from feature_sensitivity.runtime.devices import best_device

SIDES = ("foolbox, as documented", "plain loop, parameters frozen")


class Case(NamedTuple):
    """A network, its images, and how many rows each side attacks in a round."""

    make: Callable[[], nn.Module]
    last: str
    size: int
    steps: int
    images: int
    features: int
    peer_rows: int
    batch_sizes: tuple[int, ...]


def vit_tiny() -> nn.Module:
    """ViT-Ti (Touvron et al. 2021) on small images, a token for each 4 x 4 pixels."""
    network = models.VisionTransformer(32, 4, 12, 3, 192, 768, num_classes=10)
    nn.init.normal_(network.heads.head.weight)  # its own are 0
    return network


CASES = {
    "ViT-tiny": Case(vit_tiny, "heads.head", 32, 10, 8, 24, 64, (32, 64)),
    "MobileNetV3-large": Case(
        lambda: models.mobilenet_v3_large(num_classes=10), "classifier.3", 32, 20, 8, 16, 128, (32, 64, 128)
    ),
    "WideResNet-16-2": Case(
        lambda: build({"name": "wideresnet-16-2", "in_channels": 3, "n_classes": 10}), "fc", 32, 20, 8, 16, 64, (32, 64)
    ),
    "ResNet50": Case(models.resnet50, "fc", 224, 5, 2, 32, 16, (8, 16)),
}


def network_of(name: str) -> nn.Module:
    """Return a network in eval mode, the same in every process."""
    case = CASES[name]
    torch.manual_seed(0)
    network = case.make().train()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = None  # the average over all batches
    with torch.no_grad():
        for _ in range(4):
            network(torch.randn(8, 3, case.size, case.size))
    return network.eval()


def let_peers_use(name: str, device: str) -> None:
    """Make the process of the peers ready: their network ends at the penultimate features."""
    network = network_of(name)
    network.set_submodule(CASES[name].last, nn.Identity())
    peers.use(network, device)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--networks", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--rounds", type=int, default=3, help="times that the sides take turns; medians are shown")
    parser.add_argument("--epsilon", type=float, default=0.08)
    arguments = parser.parse_args()
    device = best_device()
    print(f"{describe(device)}; {arguments.rounds} rounds; median (lowest-highest)\n")
    print("| network | pixels | steps | rows | engine, rows/s | foolbox, as documented | plain loop, frozen |")
    print("|---|---|---|---|---|---|---|")
    for name in arguments.networks:
        rates, n_rows = compare(name, arguments.rounds, arguments.epsilon, device)
        own = rates["engine"]
        ratios = [spread([a / b for a, b in zip(own, rates[side], strict=True)]) for side in SIDES]
        case = CASES[name]
        print(
            f"| {name} | {case.size} | {case.steps} | {n_rows} | {median(own):.3g} | {ratios[0]} | {ratios[1]} |",
            flush=True,
        )


def compare(name: str, n_rounds: int, epsilon: float, device: torch.device) -> tuple[dict[str, list[float]], int]:
    """Return the rows per second of each side in each round, and how many rows the engine attacks."""
    case = CASES[name]
    x = torch.randn(case.images, 3, case.size, case.size, generator=torch.Generator().manual_seed(0))
    index = np.arange(case.images)
    problem = Problem(measured(network_of(name), x[:2]), x, index, Standardization.identity(3), 0)
    rows = peers.sample_rows(x, index, case.features, epsilon, case.peer_rows)
    with ProcessPoolExecutor(
        max_workers=1,
        mp_context=multiprocessing.get_context("spawn"),
        initializer=let_peers_use,
        initargs=(name, str(device)),
    ) as others:

        def peer_seconds(side: str, batch_size: int) -> float:
            return others.submit(peers.seconds, side, rows, epsilon, batch_size, steps=case.steps).result()

        peer_seconds(SIDES[1], min(case.batch_sizes))
        best = {side: min(case.batch_sizes, key=partial(peer_seconds, side)) for side in SIDES}
        n_rows = 2 * case.images * case.features
        rates: dict[str, list[float]] = {side: [] for side in ("engine", *SIDES)}
        for _ in range(n_rounds):
            for side in SIDES:
                rates[side].append(case.peer_rows / peer_seconds(side, best[side]))
            work = partial(problem.measure, epsilon, device, features=case.features, steps=case.steps)
            rates["engine"].append(n_rows / seconds(work, device))
    return rates, n_rows


def spread(ratios: list[float]) -> str:
    """Return the median with the lowest and the highest."""
    return f"{median(ratios):.2f}x ({min(ratios):.2f}-{max(ratios):.2f})"


if __name__ == "__main__":
    main()
