"""Bounds of the robust error by the corrected Theorem 3, against points that were attacked."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from feature_sensitivity.analysis.accuracy_interval import wilson_interval
from feature_sensitivity.analysis.error_bounds import LinearLayer, class_bound, is_unmovable, pair_bound
from feature_sensitivity.config.measurement import AccuracySettings, SensitivitySettings
from feature_sensitivity.config.units import COLUMNS
from feature_sensitivity.data.dataset_file import read_split
from feature_sensitivity.evaluation.accuracy import correct_under_attack
from feature_sensitivity.evaluation.expected_sensitivity import SensitivityFiles
from feature_sensitivity.evaluation.sensitivity import DEFINITIONS
from feature_sensitivity.networks.checkpoints import load_checkpoint
from feature_sensitivity.networks.classifier import require_last_layer
from feature_sensitivity.networks.pixel_inputs import with_inputs_in
from feature_sensitivity.runtime.devices import best_device
from feature_sensitivity.runtime.errors import UserError

logger = logging.getLogger(__name__)


def measure(
    *,
    checkpoint: Path,
    evaluation: Path,
    sensitivity: Path,
    model: str,
    epsilon: str,
    attack: Mapping[str, Any],
    measured: Mapping[str, Any],
) -> pd.DataFrame:
    """Return a row with the errors of a model without and under attack at one epsilon, and their bounds.

    The images are those of the sensitivities. ``attack``: settings of that on the classifier, in the very ball in which
    the features were attacked. ``measured``: settings of the sensitivities.

    Raises :class:`UserError` when the file of sensitivities lacks features.
    """
    settings = AccuracySettings(**attack).at(epsilon)
    files = SensitivityFiles(
        paths={(model, epsilon): sensitivity},
        checkpoints={model: checkpoint},
        settings={model: SensitivitySettings(**measured)},
    )
    file = files.read()[model, epsilon]
    loaded = with_inputs_in(settings.epsilon_unit, load_checkpoint(checkpoint))
    network = loaded.network
    linear = require_last_layer(network)
    layer = LinearLayer(linear.weight.detach().numpy(), linear.bias.detach().numpy())
    if len(file.weight) == 0 or len(file.feature_index) < layer.weight.shape[1]:
        raise UserError("the bounds need every feature of the last layer; set features and layer to null in the config")
    correct = correct_under_attack(
        network=network,
        split=read_split(evaluation, "test", lazy=True).subset(file.image_index),
        image_index=file.image_index,
        standardization=loaded.standardization,
        settings=settings,
        device=best_device(),
    )
    movement = DEFINITIONS["max_abs"](file.clean, file.maximum, file.minimum)
    # An image that is wrong without attack tests nothing.
    right = layer.logits(file.clean).argmax(axis=1) == file.label
    unmovable = is_unmovable(file.clean, file.maximum, file.minimum, file.label, layer)
    n_wrong = int(np.sum(~correct))
    interval = wilson_interval(n_wrong, len(correct))
    violations = int(np.sum(unmovable & ~correct))
    bounds = {
        name: bound(file.clean, movement, file.label, layer)
        for name, bound in (("classes", class_bound), ("pairs", pair_bound))
    }
    if violations:
        logger.warning(
            "%d images were attacked although the pointwise bound says that they cannot be: "
            "the attack on the features is too weak there; raise sensitivity.steps or restarts",
            violations,
        )
    row = {
        "model": model,
        **{name: file.attributes[name] for name in COLUMNS if name in file.attributes},
        "n_images": len(correct),
        "clean_error": float(np.mean(~right)),
        "attacked_error": n_wrong / len(correct),
        "ci_low": interval.low,
        "ci_high": interval.high,
        "pointwise": float(np.mean(~unmovable)),
        **{name: bound.value for name, bound in bounds.items()},
        **{f"{name}_low": bound.low for name, bound in bounds.items()},
        **{f"{name}_high": bound.high for name, bound in bounds.items()},
        "n_tested": int(np.sum(right & ~correct)),
        "violations": violations,
    }
    return pd.DataFrame([row])
