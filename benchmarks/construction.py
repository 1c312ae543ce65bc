"""The construction of a robust dataset against a plain loop with the steps of MadryLab's `robustness`.

Both move the same images with the same steps. The plain loop uses the network as it was trained: BatchNorm is not
folded, and the parameters require gradients. As `robustness` does, it asks autograd for the gradient of the pixels
only; a second one calls `loss.backward()`, which computes the weights' gradients too. Untrained networks do for this,
since every step costs the same. How much a tolerance saves depends on the teacher: name one with --checkpoint.
"""

import argparse
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

import numpy as np
import torch
from machine import describe, seconds
from torch import Tensor

from feature_sensitivity.construction import ConstructionSettings, construct, random_other_images
from feature_sensitivity.datasets import Split, read_split, standardize
from feature_sensitivity.devices import best_device
from feature_sensitivity.models import Classifier, build, load_checkpoint

MEAN, STD = [0.4914, 0.4822, 0.4465], [0.2023, 0.1994, 0.2010]
PLAIN = "plain loop"
Side = Callable[[], object]


def move_plainly(
    network: Classifier,
    split: Split,
    mean: list[float],
    std: list[float],
    settings: ConstructionSettings,
    device: torch.device,
    *,
    weight_gradients: bool,
) -> None:
    """The loop that one would write by hand."""
    start = split.images[random_other_images(len(split.labels), settings.seed)]
    pairs = zip(*(torch.from_numpy(images).split(settings.batch_size) for images in (split.images, start)), strict=True)
    for original, x in pairs:
        x = x.to(device).float() / 255
        with torch.no_grad():
            target = network.features(standardize(original.to(device), mean, std))
        for _ in range(settings.steps):
            x = x.clone().detach().requires_grad_(True)
            representation = network.features(standardize(x, mean, std), surrogate_relu=True)
            loss = ((representation - target).norm(dim=1) / target.norm(dim=1)).mean()
            gradient = _gradient(network, loss, x, weight_gradients=weight_gradients)
            with torch.no_grad():
                length = gradient.flatten(1).norm(dim=1)[:, None, None, None]
                x = torch.clamp(x - settings.step_size * gradient / (length + 1e-10), 0, 1)


def _gradient(network: Classifier, loss: Tensor, x: Tensor, *, weight_gradients: bool) -> Tensor:
    if not weight_gradients:
        return torch.autograd.grad(loss, [x])[0]
    network.zero_grad()
    loss.backward()
    assert x.grad is not None
    return x.grad


def move(
    network: Classifier,
    split: Split,
    mean: list[float],
    std: list[float],
    settings: ConstructionSettings,
    device: torch.device,
) -> None:
    """What the workflow does."""
    with tempfile.TemporaryDirectory() as folder:
        construct(
            teacher=network.cpu(),
            split=split,
            index=np.arange(len(split.labels)),
            mean=mean,
            std=std,
            settings=settings,
            device=device,
            side_folder=Path(folder),
        )
    network.to(device)


def compare(sides: dict[str, Side], *, n_images: int, rounds: int, label: str, device: torch.device) -> None:
    """A table row for each side; in each round the sides take turns, and the ratio is taken within the round."""
    for side in sides.values():
        side()
    taken = [{name: seconds(side, device) for name, side in sides.items()} for _ in range(rounds)]
    for name in sides:
        rate = median(n_images / times[name] for times in taken)
        ratios = [times[PLAIN] / times[name] for times in taken]
        spread = f"{median(ratios):.2f}x ({min(ratios):.2f}-{max(ratios):.2f})"
        print(f"| {label} | {name} | {rate:.3g} | {'' if name == PLAIN else spread} |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--widths", type=int, nargs="*", default=[16, 64], help="widths of untrained networks")
    parser.add_argument("--checkpoint", type=Path, help="a trained teacher")
    parser.add_argument("--dataset", type=Path, help="the teacher's dataset, with --checkpoint")
    parser.add_argument("--tolerance", type=float, default=0.2, help="for the teacher's last line")
    parser.add_argument("--images", type=int, default=64)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--step-size", type=float, default=0.1)
    parser.add_argument("--rounds", type=int, default=7, help="times that the sides take turns; medians are shown")
    arguments = parser.parse_args()

    device = best_device()
    settings = partial(
        ConstructionSettings,
        steps=arguments.steps,
        step_size=arguments.step_size,
        batch_size=arguments.batch_size,
        seed=0,
    )

    def sides(network: Classifier, split: Split, mean: list[float], std: list[float]) -> dict[str, Side]:
        common = (network.eval().to(device), split, mean, std, settings(tolerance=None), device)
        return {
            PLAIN: partial(move_plainly, *common, weight_gradients=False),
            "plain loop, backward()": partial(move_plainly, *common, weight_gradients=True),
            "this workflow": partial(move, *common),
        }

    print(f"{describe(device)}; {arguments.images} images in batches of {arguments.batch_size},")
    print(f"{arguments.steps} steps, medians of {arguments.rounds} rounds (in brackets: lowest and highest)")
    print("\n| network | side | images/s | rate / plain loop's |\n|---|---|---|---|")
    measure = partial(compare, n_images=arguments.images, rounds=arguments.rounds, device=device)
    for width in arguments.widths:
        network = build({"name": "resnet18", "in_channels": 3, "n_classes": 10, "width": width})
        images = np.random.default_rng(0).integers(0, 256, (arguments.images, 3, 32, 32), np.uint8)
        measure(
            sides(network, Split(images, np.zeros(arguments.images, np.int64)), MEAN, STD),
            label=f"width {width}, untrained",
        )
    if arguments.checkpoint:
        network, metadata = load_checkpoint(arguments.checkpoint)
        whole = read_split(arguments.dataset, "train")
        split = Split(whole.images[: arguments.images], whole.labels[: arguments.images])
        mean, std = metadata["mean"], metadata["std"]
        chosen = sides(network, split, mean, std)
        early = settings(tolerance=arguments.tolerance)
        chosen[f"this workflow, tolerance {arguments.tolerance}"] = partial(
            move, network, split, mean, std, early, device
        )
        measure(chosen, label=f"width {metadata['architecture']['width']}, {arguments.checkpoint.stem}")


if __name__ == "__main__":
    main()
