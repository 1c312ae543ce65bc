"""Training against a plain loop in the manner of kuangliu/pytorch-cifar, and adversarial training against torchattacks.

Both sides train the same architecture on the same images with flips as the only augmentation, and the same optimizer.
The plain loop uses torchvision's transforms on PIL images and a DataLoader with two workers; it attacks with the PGD of
torchattacks, with the same steps. Each side has a process of its own, because ours changes how memory is allocated.
"""

import argparse
import multiprocessing
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import torch
import torchattacks
import torchvision
from machine import describe, synchronize
from peers import Features
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from feature_sensitivity.config.attack import Attack
from feature_sensitivity.config.training import TrainingSettings
from feature_sensitivity.data.dataset_file import read_split
from feature_sensitivity.data.split import Split
from feature_sensitivity.data.standardization import Standardization
from feature_sensitivity.runtime.devices import best_device, has_bfloat16
from feature_sensitivity.training.train import train

MEAN, STD = [0.4914, 0.4822, 0.4465], [0.2023, 0.1994, 0.2010]
EPSILON, STEPS = 4 / 255, 7
SGD = {"momentum": 0.9, "weight_decay": 5e-4}
LEARNING_RATE = 0.01
ADVERSARIAL_COST = (2 * STEPS + 3) / 3
"""Of a batch, by that of a normal one: forward, input gradient and weight gradient cost about the same."""


class PlainImages(Dataset[tuple[Tensor, int]]):
    """PIL images through torchvision's transforms, one at a time."""

    def __init__(self, split: Split, steps: list[nn.Module]) -> None:
        self.split = split
        self.transform = transforms.Compose([transforms.RandomHorizontalFlip(), transforms.ToTensor(), *steps])

    def __len__(self) -> int:
        return len(self.split.labels)

    def __getitem__(self, i: int) -> tuple[Tensor, int]:
        return self.transform(Image.fromarray(self.split.images[i].transpose(1, 2, 0))), int(self.split.labels[i])


class PlainNetwork(Features):
    """Logits of torchvision's ResNet18 with the small stem."""

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(super().forward(x))


def train_plainly(split: Split, width: int, batch_size: int, *, adversarial: bool) -> float:
    """Seconds of an epoch of the loop that one would write by hand."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network: nn.Module = PlainNetwork(width, 10)
    normalize = transforms.Normalize(MEAN, STD)
    if adversarial:  # torchattacks wants pixels in [0, 1]
        network = nn.Sequential(normalize, network)
    network = network.to(device).train()
    images = PlainImages(split, [] if adversarial else [normalize])
    loader = DataLoader(images, batch_size=batch_size, shuffle=True, num_workers=2, persistent_workers=True)
    optimizer = torch.optim.SGD(network.parameters(), lr=LEARNING_RATE, **SGD)
    attack = torchattacks.PGD(network, eps=EPSILON, alpha=EPSILON * 5 / 14, steps=STEPS)
    next(iter(loader))  # the workers are up
    synchronize(device)
    started = time.perf_counter()
    for inputs, targets in loader:
        x, y = inputs.to(device), targets.to(device)
        if adversarial:
            x = attack(x, y)
        optimizer.zero_grad()
        nn.functional.cross_entropy(network(x), y).backward()
        optimizer.step()
    synchronize(device)
    return time.perf_counter() - started


def train_here(split: Split, width: int, batch_size: int, *, adversarial: bool, mixed_precision: bool = False) -> float:
    """Seconds of an epoch of the workflow, with one test image."""
    epsilon = EPSILON / float(np.mean(STD))
    settings = TrainingSettings(
        epochs=1,
        batch_size=batch_size,
        learning_rate=LEARNING_RATE,
        schedule="constant",
        horizontal_flip=True,
        seed=0,
        mixed_precision=mixed_precision,
        attack=Attack(norm="linf", epsilon=epsilon, steps=STEPS, step_size=epsilon * 5 / 14) if adversarial else None,
        **SGD,
    )
    with tempfile.TemporaryDirectory() as folder:
        _, history = train(
            architecture={"name": "resnet18", "in_channels": 3, "n_classes": 10, "width": width},
            train_split=split,
            test_split=Split(split.images[:1], split.labels[:1]),
            standardization=Standardization(tuple(MEAN), tuple(STD)),
            settings=settings,
            device=best_device(),
            partial_result=Path(folder) / "partial.pt",
        )
    return float(history.seconds.iloc[0])


SIDES: dict[str, Callable[..., float]] = {"plain loop": train_plainly, "this workflow": train_here}
if has_bfloat16(torch.device("cuda" if torch.cuda.is_available() else "cpu")):
    SIDES["the same in mixed precision"] = partial(train_here, mixed_precision=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dataset", type=Path, required=True, help="CIFAR-10 as the workflow writes it")
    parser.add_argument("--widths", type=int, nargs="+", default=[16, 64])
    parser.add_argument("--batch-size", type=int, default=128)
    parser.add_argument("--batches", type=int, default=16, help="of normal training at width 16; others by their cost")
    parser.add_argument("--rounds", type=int, default=3, help="times that the sides take turns; medians are shown")
    arguments = parser.parse_args()

    spawn = multiprocessing.get_context("spawn")
    processes = {name: ProcessPoolExecutor(1, spawn) for name in SIDES}
    whole = read_split(arguments.dataset, "train")
    versions = f"torchvision {torchvision.__version__}, torchattacks {torchattacks.__version__}"
    print(f"{describe(best_device())}, {versions}; batch {arguments.batch_size}, PGD-{STEPS} where adversarial;")
    print(f"medians of {arguments.rounds} rounds (in brackets: lowest and highest)\n")
    print("| training | width | side | images | images/s | rate / plain loop's |\n|---|---|---|---|---|---|")
    for adversarial in (False, True):
        for width in arguments.widths:
            cost = (width / 16) ** 2 * (ADVERSARIAL_COST if adversarial else 1)
            n = arguments.batch_size * max(2, round(arguments.batches / cost))
            split = Split(whole.images[:n], whole.labels[:n])
            rounds = []
            for i in range(arguments.rounds + 1):
                taken = {
                    name: processes[name]
                    .submit(partial(side, split, width, arguments.batch_size, adversarial=adversarial))
                    .result()
                    for name, side in SIDES.items()
                }
                if i > 0:  # the first round warms up
                    rounds.append(taken)
            for name in SIDES:
                ratios = [taken["plain loop"] / taken[name] for taken in rounds]
                spread = f"{median(ratios):.2f}x ({min(ratios):.2f}-{max(ratios):.2f})" if name != "plain loop" else ""
                rate = median(n / taken[name] for taken in rounds)
                kind = "adversarial" if adversarial else "normal"
                print(f"| {kind} | {width} | {name} | {n} | {rate:.1f} | {spread} |", flush=True)


if __name__ == "__main__":
    main()
