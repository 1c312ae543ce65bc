"""Measurements of feature extrema with short attacks."""

import numpy as np
import torch
from torch import Tensor

from feature_sensitivity.config.measurement import SensitivitySettings
from feature_sensitivity.data.standardization import Standardization
from feature_sensitivity.evaluation.feature_extrema import FeatureExtrema, measure_extrema
from feature_sensitivity.networks.classifier import Classifier

CPU = torch.device("cpu")
STANDARD = {"standardization": Standardization((0.5,) * 3, (0.25,) * 3), "device": CPU}


def settings(norm: str = "linf", *, epsilon: float = 0.3, steps: int = 20, **changes) -> SensitivitySettings:
    return SensitivitySettings(norm=norm, epsilon=epsilon, steps=steps, **{"batch_size": 16, **changes})


def measure(network: Classifier, x: Tensor, chosen: SensitivitySettings, **changes) -> FeatureExtrema:
    n_features = network.features(x[:1]).shape[1]
    arguments = {"image_index": np.arange(len(x)), "features": np.arange(n_features), **STANDARD, **changes}
    return measure_extrema(network=network, x=x, settings=chosen, **arguments)


def same(first: FeatureExtrema, second: FeatureExtrema) -> bool:
    return all(
        np.array_equal(getattr(first, name), getattr(second, name))
        for name in ("clean", "maximum", "minimum", "zero_gradient")
    )
