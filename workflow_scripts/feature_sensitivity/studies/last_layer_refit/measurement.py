"""Refits of the last layer of the normal model, and their accuracy under attack."""

import logging
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from feature_sensitivity.analysis.accuracy_interval import accuracy_columns
from feature_sensitivity.config.attack import Attack
from feature_sensitivity.config.measurement import AccuracySettings
from feature_sensitivity.data.split import Split
from feature_sensitivity.data.standardization import Standardization
from feature_sensitivity.evaluation.accuracy import correct_under_attack
from feature_sensitivity.evaluation.sensitivity_file import SensitivityFile
from feature_sensitivity.networks.checkpoints import Checkpoint
from feature_sensitivity.networks.classifier import Classifier
from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.training.last_layer import (
    fit_last_layer,
    fit_last_layer_adversarially,
    least_sensitive,
    penultimate_features,
)

logger = logging.getLogger(__name__)


class Head(NamedTuple):
    """A network, what standardizes its images, and how many features its last layer uses."""

    network: Classifier
    standardization: Standardization
    n_features: int


def refitted_heads(
    *,
    normal: Checkpoint,
    adversarial: Checkpoint,
    file: SensitivityFile,
    train_split: Split,
    study: Mapping[str, Any],
    attack: Attack,
    seed: int,
    device: torch.device,
) -> dict[str, Head]:
    """Return the networks that the study compares, by name.

    Both models as trained; the normal one with its last layer fitted on ``study["shares"]`` percent of the features,
    those least sensitive by ``file``; and with its last layer trained under ``attack``.

    Raises :class:`UserError` when the file lacks features.
    """
    network, standardization, n_features = normal.network, normal.standardization, normal.network.n_features
    if len(file.weight) == 0 or len(file.feature_index) < n_features:
        raise UserError("the study needs every feature of the last layer; set features and layer to null in the config")
    heads = {
        "normal as trained": Head(network, standardization, n_features),
        "adversarial as trained": Head(
            adversarial.network, adversarial.standardization, adversarial.network.n_features
        ),
    }
    features = penultimate_features(network, train_split, standardization, device=device)
    for percent in study["shares"]:
        columns = least_sensitive(file.sensitivity, percent)
        fitted = fit_last_layer(network, features, train_split.labels, columns)
        heads[f"{percent:g} % least sensitive"] = Head(fitted, standardization, len(columns))
        logger.info("fitted the layer on %d of %d features", len(columns), n_features)
    first = slice(study["images"])
    fitted = fit_last_layer_adversarially(
        network,
        Split(train_split.images[first], train_split.labels[first]),
        standardization,
        attack=attack,
        epochs=study["epochs"],
        learning_rate=study["learning_rate"],
        seed=seed,
        device=device,
    )
    heads["all, adversarially"] = Head(fitted, standardization, n_features)
    return heads


def measure_heads(
    heads: Mapping[str, Head],
    *,
    test_split: Split,
    image_index: NDArray[np.int64],
    settings: AccuracySettings,
    device: torch.device,
) -> pd.DataFrame:
    """Return the accuracy of each network without attack, and under the attack of the settings."""
    without = settings.at("0")
    rows = []
    for name, head in heads.items():
        for chosen in (without, settings):
            correct = correct_under_attack(
                network=head.network,
                split=test_split.subset(image_index),
                image_index=image_index,
                standardization=head.standardization,
                settings=chosen,
                device=device,
            )
            epsilon = chosen.attack.epsilon
            rows.append({"head": name, "n_features": head.n_features, "epsilon": epsilon, **accuracy_columns(correct)})
            logger.info("%s: %.2f %% at epsilon %g", name, 100 * correct.mean(), epsilon)
    return pd.DataFrame(rows)
