"""What the benchmarks of the engine measure: a trained network, and random test images."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from feature_sensitivity.attacks.pgd import PGD
from feature_sensitivity.data.dataset_file import read_split
from feature_sensitivity.data.sampling import random_test_images
from feature_sensitivity.data.standardization import standardize
from feature_sensitivity.evaluation.feature_extrema import Extremes, ExtremesSettings, measure_extremes
from feature_sensitivity.networks.checkpoints import load_checkpoint
from feature_sensitivity.networks.classifier import Classifier

STEPS = 20


@dataclass(frozen=True)
class Problem:
    """A network with its standardization, and standardized images [n, channels, height, width] of those indices."""

    network: Classifier
    x: Tensor
    index: NDArray[np.int64]
    mean: list[float]
    std: list[float]
    width: int

    @property
    def n_features(self) -> int:
        return self.network.fc.in_features

    def measure(
        self,
        epsilon: float,
        device: torch.device,
        *,
        images: int | None = None,
        features: int | None = None,
        steps: int = STEPS,
        **settings: object,
    ) -> Extremes:
        """The engine's extremes of the first so many images and features, with step size 2.5 epsilon / steps."""
        attack = PGD(norm="linf", epsilon=epsilon, steps=steps, step_size=2.5 * epsilon / steps)
        return measure_extremes(
            network=self.network,
            x=self.x[:images],
            image_index=self.index[:images],
            features=np.arange(features or self.n_features),
            mean=self.mean,
            std=self.std,
            settings=ExtremesSettings(attack=attack, **settings),  # type: ignore[arg-type]
            device=device,
        )


def load(checkpoint: Path, dataset: Path, n_images: int) -> Problem:
    """``n_images`` random test images for the network of a checkpoint."""
    network, metadata = load_checkpoint(checkpoint)
    split = read_split(dataset, "test")
    index = random_test_images(len(split.labels), n_images, 0, "--images")
    x = standardize(torch.from_numpy(split.images[index]), metadata["mean"], metadata["std"])
    return Problem(network, x, index, metadata["mean"], metadata["std"], metadata["architecture"]["width"])
