"""Measurements of feature extrema with short attacks."""

import numpy as np
import torch
from torch import Tensor

from feature_sensitivity.attacks.pgd import PGD
from feature_sensitivity.evaluation.feature_extrema import Extremes, ExtremesSettings, measure_extremes
from feature_sensitivity.networks.classifier import Classifier

CPU = torch.device("cpu")
STANDARD = {"mean": [0.5] * 3, "std": [0.25] * 3, "device": CPU}


def settings(norm: str = "linf", *, epsilon: float = 0.3, steps: int = 20, **changes) -> ExtremesSettings:
    attack = PGD(norm=norm, epsilon=epsilon, steps=steps, step_size=epsilon / 8)
    return ExtremesSettings(attack=attack, **{"batch_size": 16, **changes})


def measure(network: Classifier, x: Tensor, chosen: ExtremesSettings, **changes) -> Extremes:
    n_features = network.features(x[:1]).shape[1]
    arguments = {"image_index": np.arange(len(x)), "features": np.arange(n_features), **STANDARD, **changes}
    return measure_extremes(network=network, x=x, settings=chosen, **arguments)


def same(first: Extremes, second: Extremes) -> bool:
    return all(
        np.array_equal(getattr(first, name), getattr(second, name))
        for name in ("clean", "maximum", "minimum", "zero_gradient")
    )
