"""Accuracy of a small network on a few images, under a short attack."""

import numpy as np
import torch

from feature_sensitivity.config.measurement import AccuracySettings
from feature_sensitivity.data.standardization import Standardization
from feature_sensitivity.evaluation.accuracy import correct_under_attack
from feature_sensitivity.networks.classifier import Classifier

STANDARDIZATION = Standardization((0.5,) * 3, (0.25,) * 3)
N = 40


def correct(network: Classifier, data: dict, epsilon: float, *, norm: str = "linf", **changes) -> np.ndarray:
    batch_size = changes.pop("batch_size", 16)
    return correct_under_attack(
        network=network,
        settings=AccuracySettings(norm=norm, epsilon=epsilon, steps=5, relative_step_size="1/4", **changes),
        standardization=STANDARDIZATION,
        device=torch.device("cpu"),
        batch_size=batch_size,
        **data,
    )
