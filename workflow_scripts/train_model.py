"""Train one model."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from feature_sensitivity.analysis.tables import write_table
from feature_sensitivity.config.training import TrainingSettings
from feature_sensitivity.config.user_code import sha256_of_code
from feature_sensitivity.data.dataset_file import read_split
from feature_sensitivity.data.standardization import Standardization, to_unit_range
from feature_sensitivity.networks.build import build, with_sizes
from feature_sensitivity.networks.checkpoints import save_checkpoint
from feature_sensitivity.networks.expected_files import check_files
from feature_sensitivity.networks.normalization import standardization_for
from feature_sensitivity.networks.pass_cost import pass_cost
from feature_sensitivity.runtime.console import job
from feature_sensitivity.runtime.devices import best_device
from feature_sensitivity.runtime.identity import EVALUATION
from feature_sensitivity.runtime.provenance import versions
from feature_sensitivity.training.train import train


def train_model(
    *,
    name: str,
    dataset: Path,
    dataset_name: str,
    evaluation: Path,
    architecture: Mapping[str, Any],
    width: int,
    standardization: Mapping[str, Any],
    own_standardization: Mapping[str, Any] | None,
    settings: TrainingSettings,
    model: Path,
    history: Path,
    partial_result: Path,
) -> None:
    """Train a network on a dataset file and write its checkpoint, and its history on the test images of ``evaluation``.

    ``name``: the model's, with the seed of a replicate. ``architecture``: its name, and arguments; ``width``, that of
    the config, and the numbers of channels and classes are added where it takes them. ``standardization`` is that of
    the run, ``own_standardization`` that of this model, if the config gives some. An interrupted training continues
    from ``partial_result``.
    """
    device = best_device()
    train_split, test_split = read_split(dataset, "train"), read_split(evaluation, "test")
    description = with_sizes(
        architecture,
        width=width,
        in_channels=train_split.images.shape[1],
        n_classes=int(max(train_split.labels.max(), test_split.labels.max())) + 1,
    )
    constants = standardization_for(
        build(description).eval(),
        to_unit_range(torch.from_numpy(train_split.images[:4])),
        own=Standardization.from_mapping(own_standardization) if own_standardization else None,
        default=Standardization.from_mapping(standardization),
        name=description["name"],
    )
    trained, table = train(
        architecture=description,
        train_split=train_split,
        test_split=test_split,
        standardization=constants,
        settings=settings,
        device=device,
        partial_result=partial_result,
    )
    metadata = {
        "architecture": description,
        "code_sha256": sha256_of_code(description["name"]),
        "input_shape": list(train_split.images.shape[1:]),
        "pass_cost": pass_cost(trained, train_split.images.shape[1:]),
        "dataset": dataset_name,
        "dataset_sha256": train_split.identity,
        EVALUATION: test_split.identity,
        "training": asdict(settings),
        "seed": settings.seed,
        "versions": versions(device),
    }
    write_table(history, table.assign(model=name), made_from={"model": name, **metadata})
    save_checkpoint(model, trained, constants, metadata)
    partial_result.unlink()


if "snakemake" in globals():
    with job(Path(snakemake.log[0]), f"train_model {snakemake.wildcards.model}"):
        check_files(dict(snakemake.input.items()), snakemake.params.expected)
        train_model(
            name=snakemake.wildcards.model,
            dataset=Path(snakemake.input.dataset),
            dataset_name=snakemake.params.dataset,
            evaluation=Path(snakemake.input.evaluation),
            architecture=snakemake.params.architecture,
            width=snakemake.params.width,
            standardization=snakemake.params.standardization,
            own_standardization=snakemake.params.own_standardization,
            settings=TrainingSettings.from_config(
                snakemake.params.training, snakemake.params.attack, seed=snakemake.params.seed
            ),
            model=Path(snakemake.output.model),
            history=Path(snakemake.output.history),
            partial_result=Path(snakemake.params.partial_result),
        )
