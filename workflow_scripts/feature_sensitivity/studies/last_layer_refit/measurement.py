"""Refits of the last layer of the normal model, and their accuracy under attack."""

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from feature_sensitivity.analysis.accuracy_interval import accuracy_columns
from feature_sensitivity.analysis.refits import (
    ADVERSARIAL_AS_TRAINED,
    ADVERSARIALLY,
    NORMAL_AS_TRAINED,
    least_sensitive_label,
)
from feature_sensitivity.config.attack import Attack
from feature_sensitivity.config.measurement import AccuracySettings, SensitivitySettings
from feature_sensitivity.config.models import NORMAL
from feature_sensitivity.config.units import epsilon_columns
from feature_sensitivity.data.dataset_file import read_split
from feature_sensitivity.data.sampling import random_test_images
from feature_sensitivity.data.split import Split
from feature_sensitivity.data.standardization import Standardization
from feature_sensitivity.evaluation.accuracy import correct_under_attack
from feature_sensitivity.evaluation.expected_sensitivity import SensitivityFiles
from feature_sensitivity.evaluation.sensitivity import rederived
from feature_sensitivity.evaluation.sensitivity_file import SensitivityFile
from feature_sensitivity.networks.checkpoints import Checkpoint, load_checkpoint
from feature_sensitivity.networks.classifier import Classifier
from feature_sensitivity.networks.pixel_inputs import with_inputs_in
from feature_sensitivity.runtime.devices import best_device
from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.training.last_layer import (
    fit_last_layer,
    fit_last_layer_adversarially,
    least_sensitive,
    penultimate_features,
)

logger = logging.getLogger(__name__)


COLUMNS = ("head", "n_features", "epsilon", "n_images", "n_correct", "accuracy", "ci_low", "ci_high")


class Head(NamedTuple):
    """A network, what standardizes its images, and how many features its last layer uses."""

    network: Classifier
    standardization: Standardization
    n_features: int


def measure(
    *,
    normal: Path,
    adversarial: Path,
    dataset: Path,
    evaluation: Path,
    sensitivity: Path,
    study: Mapping[str, Any],
    measured: Mapping[str, Any],
    accuracy: Mapping[str, Any],
    training: Mapping[str, Any],
) -> pd.DataFrame:
    """Return the accuracy of the normal model with other last layers; no rows where it has no linear layer.

    ``normal`` is its checkpoint, ``adversarial`` that of the model beside which it is shown. ``dataset`` has the
    training images of the normal model, ``evaluation`` those that are attacked. ``sensitivity``: the file by which
    features are ranked, whose settings are ``measured``. ``study``: the study's settings; ``training``: as
    ``adversarial_training`` in the config, whose attack the adversarial fit uses; ``accuracy``: settings of the attack
    on the networks.
    """
    epsilon, device = study["epsilon"], best_device()
    ranked_by, attacked_by = SensitivitySettings(**measured), AccuracySettings(**accuracy).at(epsilon)
    seed = attacked_by.seed
    files = SensitivityFiles(
        paths={(NORMAL, epsilon): sensitivity}, checkpoints={NORMAL: normal}, settings={NORMAL: ranked_by}
    )
    file = files.read()[NORMAL, epsilon]
    attack = Attack.from_config(training, epsilon)
    loaded, test_split = load_checkpoint(normal), read_split(evaluation, "test")
    if loaded.network.last_layer is None:
        logger.warning(
            "normal has no linear layer directly behind its features, so none is fitted again; claim S6 stays undecided"
        )
        return pd.DataFrame(columns=COLUMNS)
    heads = refitted_heads(
        normal=with_inputs_in(attack.unit, loaded),
        adversarial=with_inputs_in(attack.unit, load_checkpoint(adversarial)),
        file=rederived(file, definition=ranked_by.definition, normalization=ranked_by.weight_normalization),
        train_split=read_split(dataset, "train"),
        study=study,
        attack=attack,
        seed=seed,
        device=device,
    )
    n_test = len(test_split.labels)
    table = measure_heads(
        heads,
        test_split=test_split,
        image_index=random_test_images(n_test, attacked_by.images or n_test, seed=seed, key="accuracy.images"),
        settings=attacked_by,
        device=device,
    )
    std = loaded.standardization.std
    columns = [epsilon_columns(spelled, unit=attack.unit, std=std) for spelled in ("0", epsilon)]
    return table.merge(pd.DataFrame(columns), on="epsilon")


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
        NORMAL_AS_TRAINED: Head(network, standardization, n_features),
        ADVERSARIAL_AS_TRAINED: Head(adversarial.network, adversarial.standardization, adversarial.network.n_features),
    }
    features = penultimate_features(network, train_split, standardization, device=device)
    for percent in study["shares"]:
        columns = least_sensitive(file.sensitivity, percent)
        fitted = fit_last_layer(network, features, train_split.labels, columns)
        heads[least_sensitive_label(percent)] = Head(fitted, standardization, len(columns))
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
    heads[ADVERSARIALLY] = Head(fitted, standardization, n_features)
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
