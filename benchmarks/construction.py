"""The construction of a robust dataset against a plain loop with the steps of MadryLab's `robustness`.

All move the same images with the same steps. The plain loop moves them on torchvision's ResNet18 as it was trained: its
BatchNorm is not folded and its parameters require gradients. Once it calls `loss.backward()`, which computes the
weights' gradients too; once, as `robustness` does, it asks autograd for the gradient of the pixels only. Each side
takes its best batch size and has a process of its own, because ours changes how memory is allocated. Untrained networks
do, since every step costs the same; how much a tolerance saves depends on the teacher: name one with --checkpoint.
"""

import argparse
import multiprocessing
import tempfile
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import torch
from machine import describe, seconds
from peers import Features
from torch import Tensor

from feature_sensitivity.config.construction import ConstructionSettings
from feature_sensitivity.data.dataset_file import read_split
from feature_sensitivity.data.split import Split
from feature_sensitivity.data.standardization import Standardization
from feature_sensitivity.networks.build import build
from feature_sensitivity.networks.checkpoints import load_checkpoint
from feature_sensitivity.runtime.devices import best_device
from feature_sensitivity.training.construction import construct, random_other_images

BATCH_SIZES = (32, 64, 128)


@dataclass(frozen=True)
class Work:
    """A network, images, and the steps by which they are moved."""

    width: int
    weights: dict[str, Tensor]
    split: Split
    standardization: Standardization
    settings: ConstructionSettings


def move_plainly(work: Work, *, weight_gradients: bool) -> float:
    """Seconds of the loop that one would write by hand."""
    device, split = best_device(), work.split
    network = Features(work.width, 10).to(device).eval()
    network.load_state_dict(work.weights)
    start = split.images[random_other_images(len(split.labels), work.settings.seed)]
    images = [torch.from_numpy(each).split(work.settings.batch_size) for each in (split.images, start)]

    def run() -> None:
        for original, x in zip(*images, strict=True):
            x = x.to(device).float() / 255
            with torch.no_grad():
                target = network(work.standardization.standardize(original.to(device)))
            for _ in range(work.settings.steps):
                x = x.clone().detach().requires_grad_(True)
                z = network.pre_activation(work.standardization.standardize(x))
                representation = network.avgpool(z + (z.relu() - z).detach()).flatten(1)
                loss = ((representation - target).norm(dim=1) / target.norm(dim=1)).mean()
                if weight_gradients:
                    network.zero_grad()
                    loss.backward()
                    gradient = x.grad
                else:
                    (gradient,) = torch.autograd.grad(loss, [x])
                with torch.no_grad():
                    length = gradient.flatten(1).norm(dim=1)[:, None, None, None]
                    x = torch.clamp(x - work.settings.step_size * gradient / (length + 1e-10), 0, 1)

    return seconds(run, device)


def move(work: Work) -> float:
    """Seconds of what the workflow does."""
    device = best_device()
    teacher = build({"name": "resnet18", "in_channels": 3, "n_classes": 10, "width": work.width})
    teacher.load_state_dict(work.weights)
    with tempfile.TemporaryDirectory() as folder:
        run = partial(
            construct,
            teacher=teacher,
            split=work.split,
            index=np.arange(len(work.split.labels)),
            standardization=work.standardization,
            settings=work.settings,
            device=device,
            unfinished_folder=Path(folder),
        )
        return seconds(run, device)


OURS = "this workflow"
SIDES = {
    "plain loop, backward()": partial(move_plainly, weight_gradients=True),
    "plain loop, pixels' gradients only": partial(move_plainly, weight_gradients=False),
    OURS: move,
}
"""What each side does; ours is compared with the others."""


def compare(work: Work, processes: dict[str, ProcessPoolExecutor], *, rounds: int, tolerance: float | None) -> None:
    """A table row for each side; in each round the sides take turns, and the ratio is taken within the round."""

    def taken(name: str, batch_size: int, tolerance: float | None = None) -> float:
        settings = replace(work.settings, batch_size=batch_size, tolerance=tolerance)
        return processes[name].submit(SIDES[name], replace(work, settings=settings)).result()

    chosen = {name: min(BATCH_SIZES, key=partial(taken, name)) for name in SIDES}
    measured = []
    for _ in range(rounds):
        times = {name: taken(name, size) for name, size in chosen.items()}
        if tolerance:
            times[f"{OURS}, tolerance {tolerance:g}"] = taken(OURS, chosen[OURS], tolerance)
        measured.append(times)
    for name in measured[0]:
        rate = median(len(work.split.labels) / times[name] for times in measured)
        cells = []
        for peer in SIDES:
            ratios = [times[peer] / times[name] for times in measured]
            cells.append(
                f"{median(ratios):.2f}x ({min(ratios):.2f}-{max(ratios):.2f})" if OURS in name and peer != OURS else ""
            )
        print(
            f"| {work.width} | {name} | {chosen.get(name, chosen[OURS])} | {rate:.3g} | {cells[0]} | {cells[1]} |",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--widths", type=int, nargs="*", default=[16, 64], help="widths of untrained networks")
    parser.add_argument("--checkpoint", type=Path, help="a trained teacher")
    parser.add_argument("--dataset", type=Path, help="the teacher's dataset, with --checkpoint")
    parser.add_argument("--tolerance", type=float, default=0.2, help="for the teacher's last line")
    parser.add_argument("--images", type=int, default=128)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--step-size", type=float, default=0.1)
    parser.add_argument("--rounds", type=int, default=3, help="times that the sides take turns; medians are shown")
    arguments = parser.parse_args()

    n, steps = arguments.images, arguments.steps
    settings = ConstructionSettings(
        steps=steps, step_size=arguments.step_size, batch_size=BATCH_SIZES[0], tolerance=None, seed=0
    )
    spawn = multiprocessing.get_context("spawn")
    processes = {name: ProcessPoolExecutor(1, spawn) for name in SIDES}
    print(f"{describe(best_device())}; {n} images, {steps} steps,")
    print(f"medians of {arguments.rounds} rounds (in brackets: lowest and highest)\n")
    print("| width | side | batch | images/s | against backward() | against pixels' gradients only |")
    print("|---|---|---|---|---|---|")
    images = np.random.default_rng(0).integers(0, 256, (n, 3, 32, 32), np.uint8)
    noise = Split(images, np.zeros(n, np.int64))
    for width in arguments.widths:
        network = build({"name": "resnet18", "in_channels": 3, "n_classes": 10, "width": width})
        work = Work(width, network.state_dict(), noise, Standardization((0.5,) * 3, (0.25,) * 3), settings)
        compare(work, processes, rounds=arguments.rounds, tolerance=None)
    if arguments.checkpoint:
        model = load_checkpoint(arguments.checkpoint)
        whole = read_split(arguments.dataset, "train")
        split = Split(whole.images[:n], whole.labels[:n])
        width = model.metadata["architecture"]["width"]
        work = Work(width, model.network.state_dict(), split, model.standardization, settings)
        compare(work, processes, rounds=arguments.rounds, tolerance=arguments.tolerance)


if __name__ == "__main__":
    main()
