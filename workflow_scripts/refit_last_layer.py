"""Fit new last layers on the features of the normal model, and attack them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from feature_sensitivity.analysis.tables import write_table
from feature_sensitivity.config.attack import Attack
from feature_sensitivity.config.measurement import AccuracySettings, SensitivitySettings
from feature_sensitivity.config.units import epsilon_columns
from feature_sensitivity.data.dataset_file import read_split
from feature_sensitivity.data.sampling import random_test_images
from feature_sensitivity.evaluation.expected_sensitivity import SensitivityFiles
from feature_sensitivity.evaluation.sensitivity import rederived
from feature_sensitivity.networks.checkpoints import load_checkpoint
from feature_sensitivity.networks.expected_files import check_files
from feature_sensitivity.networks.pixel_inputs import with_inputs_in
from feature_sensitivity.runtime.console import job, logger
from feature_sensitivity.runtime.devices import best_device
from feature_sensitivity.studies.last_layer_refit.measurement import measure_heads, refitted_heads

COLUMNS = ("head", "n_features", "epsilon", "n_images", "n_correct", "accuracy", "ci_low", "ci_high")


def refit_last_layer(
    *,
    normal: Path,
    adversarial: Path,
    dataset: Path,
    evaluation: Path,
    sensitivity: Path,
    measured: SensitivitySettings,
    study: Mapping[str, Any],
    accuracy: AccuracySettings,
    training: Mapping[str, Any],
    output: Path,
) -> None:
    """Write the accuracy of the normal model with other last layers; no rows where it has no linear layer.

    Args:
        normal: checkpoint of the model; ``adversarial``: of the one beside which it is shown.
        dataset: the training images of the normal model; ``evaluation``: the images that are attacked.
        sensitivity: the file by which features are ranked; ``measured``: its settings.
        study: as ``studies.last_layer_refit`` in the config; ``training``: as ``adversarial_training`` there, whose
            attack the adversarial fit uses.
        accuracy: settings of the attack on the networks.
    """
    device = best_device()
    key = ("normal", study["epsilon"])
    files = SensitivityFiles(
        paths={key: sensitivity}, checkpoints={"normal": normal}, settings={"normal": measured}
    ).read()
    attack = Attack.from_config(training, study["epsilon"])
    loaded, test_split = load_checkpoint(normal), read_split(evaluation, "test")
    if loaded.network.last_layer is None:
        logger.warning(
            "normal has no linear layer directly behind its features, so none is fitted again; claim S6 stays undecided"
        )
        write_table(output, pd.DataFrame(columns=COLUMNS))
        return
    model = with_inputs_in(attack.unit, loaded)
    heads = refitted_heads(
        normal=model,
        adversarial=with_inputs_in(attack.unit, load_checkpoint(adversarial)),
        file=rederived(files[key], definition=measured.definition, normalization=measured.weight_normalization),
        train_split=read_split(dataset, "train"),
        study=study,
        attack=attack,
        seed=accuracy.seed,
        device=device,
    )
    n_test = len(test_split.labels)
    table = measure_heads(
        heads,
        test_split=test_split,
        image_index=random_test_images(n_test, accuracy.images or n_test, seed=accuracy.seed, key="accuracy.images"),
        settings=accuracy.at(study["epsilon"]),
        device=device,
    )
    columns = [
        epsilon_columns(epsilon, unit=attack.unit, std=loaded.standardization.std)
        for epsilon in ("0", study["epsilon"])
    ]
    write_table(output, table.merge(pd.DataFrame(columns), on="epsilon"))


if "snakemake" in globals():
    with job(Path(snakemake.log[0]), "refit_last_layer"):
        check_files(snakemake.params.expected)
        refit_last_layer(
            normal=Path(snakemake.input.model),
            adversarial=Path(snakemake.input.adversarial),
            dataset=Path(snakemake.input.dataset),
            evaluation=Path(snakemake.input.test),
            sensitivity=Path(snakemake.input.sensitivity),
            measured=SensitivitySettings(**snakemake.params.settings),
            study=snakemake.params.study,
            accuracy=AccuracySettings(**snakemake.params.accuracy),
            training=snakemake.params.training,
            output=Path(snakemake.output[0]),
        )
