"""Bounds of the robust error by the corrected Theorem 3, against points that were attacked."""

import logging
from typing import Any

import numpy as np
import torch

from feature_sensitivity.analysis.accuracy_interval import wilson_interval
from feature_sensitivity.analysis.error_bounds import LinearLayer, class_bound, is_unmovable, pair_bound
from feature_sensitivity.config.measurement import AccuracySettings
from feature_sensitivity.config.units import COLUMNS
from feature_sensitivity.data.split import Split
from feature_sensitivity.evaluation.accuracy import correct_under_attack
from feature_sensitivity.evaluation.sensitivity import DEFINITIONS
from feature_sensitivity.evaluation.sensitivity_file import SensitivityFile
from feature_sensitivity.networks.checkpoints import Checkpoint
from feature_sensitivity.networks.classifier import require_last_layer
from feature_sensitivity.runtime.errors import UserError

logger = logging.getLogger(__name__)


def measure_bounds(
    *,
    name: str,
    model: Checkpoint,
    file: SensitivityFile,
    test_split: Split,
    settings: AccuracySettings,
    device: torch.device,
) -> dict[str, Any]:
    """Return a row of the study: errors of a model without and under attack, and their bounds.

    The images are those of the sensitivities ``file``. ``settings``: of the attack on the classifier, in the very ball
    in which the features were attacked.

    Raises :class:`UserError` when the file lacks features.
    """
    network = model.network
    linear = require_last_layer(network)
    layer = LinearLayer(linear.weight.detach().numpy(), linear.bias.detach().numpy())
    if len(file.weight) == 0 or len(file.feature_index) < layer.weight.shape[1]:
        raise UserError("the bounds need every feature of the last layer; set features and layer to null in the config")
    correct = correct_under_attack(
        network=network,
        split=test_split.subset(file.image_index),
        image_index=file.image_index,
        standardization=model.standardization,
        settings=settings,
        device=device,
    )
    movement = DEFINITIONS["max_abs"](file.clean, file.maximum, file.minimum)
    unmovable = is_unmovable(file.clean, file.maximum, file.minimum, file.label, layer)
    n_wrong = int(np.sum(~correct))
    interval = wilson_interval(n_wrong, len(correct))
    violations = int(np.sum(unmovable & ~correct))
    if violations:
        logger.warning(
            "%d images were attacked although the pointwise bound says that they cannot be: "
            "the attack on the features is too weak there; raise sensitivity.steps or restarts",
            violations,
        )
    return {
        "model": name,
        **{name: file.attributes[name] for name in COLUMNS if name in file.attributes},
        "n_images": len(correct),
        "clean_error": float(np.mean(layer.logits(file.clean).argmax(axis=1) != file.label)),
        "attacked_error": n_wrong / len(correct),
        "ci_low": interval.low,
        "ci_high": interval.high,
        "pointwise": float(np.mean(~unmovable)),
        "classes": class_bound(file.clean, movement, file.label, layer),
        "pairs": pair_bound(file.clean, movement, file.label, layer),
        "violations": violations,
    }
