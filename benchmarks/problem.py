"""What the benchmarks of the engine measure: a trained network, and random test images."""

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from feature_sensitivity.config.measurement import SensitivitySettings
from feature_sensitivity.config.protocols import PROTOCOLS
from feature_sensitivity.data.dataset_file import read_split
from feature_sensitivity.data.sampling import random_test_images
from feature_sensitivity.data.standardization import Standardization
from feature_sensitivity.evaluation.feature_extrema import FeatureExtrema, measure_extrema
from feature_sensitivity.networks.checkpoints import load_checkpoint
from feature_sensitivity.networks.classifier import Classifier

STEPS = 20


def by_protocol(
    name: str, epsilon: str | float, *, steps: int | None = None, search_dtype: str = "float32"
) -> SensitivitySettings:
    """Return the settings that the config gives to a protocol, with another number of ``steps`` where it is given."""
    numbers: dict[str, Any] = {**PROTOCOLS[name], **({"steps": steps} if steps else {})}
    return SensitivitySettings(epsilon=epsilon, search_dtype=search_dtype, **numbers)


@dataclass(frozen=True)
class Problem:
    """A network with its standardization, and standardized images [n, channels, height, width] of those indices."""

    network: Classifier
    x: Tensor
    index: NDArray[np.int64]
    standardization: Standardization
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
    ) -> FeatureExtrema:
        """Return the extrema of the first so many images and features, with step size 2.5 epsilon / steps."""
        share = str(Fraction(5, 2 * steps))
        return measure_extrema(
            network=self.network,
            x=self.x[:images],
            image_index=self.index[:images],
            features=np.arange(features or self.n_features),
            standardization=self.standardization,
            settings=SensitivitySettings(epsilon=epsilon, steps=steps, relative_step_size=share, **settings),  # type: ignore[arg-type]
            device=device,
        )


def load(checkpoint: Path, dataset: Path, n_images: int) -> Problem:
    """``n_images`` random test images for the network of a checkpoint."""
    model = load_checkpoint(checkpoint)
    split = read_split(dataset, "test")
    index = random_test_images(len(split.labels), n_images, seed=0, key="--images")
    x = model.standardization.standardize(torch.from_numpy(split.images[index]))
    return Problem(model.network, x, index, model.standardization, model.metadata["architecture"]["width"])
