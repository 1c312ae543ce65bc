"""Train one model."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from feature_sensitivity.analysis.tables import write_table
from feature_sensitivity.config.training import TrainingSettings
from feature_sensitivity.data.dataset_file import read_split, read_standardization
from feature_sensitivity.networks.checkpoints import save_checkpoint
from feature_sensitivity.networks.expected_files import check_files
from feature_sensitivity.runtime.console import job
from feature_sensitivity.runtime.devices import best_device
from feature_sensitivity.runtime.provenance import versions
from feature_sensitivity.training.train import train


def train_model(
    *,
    dataset: Path,
    dataset_name: str,
    evaluation: Path,
    network: Mapping[str, Any],
    settings: TrainingSettings,
    model: Path,
    history: Path,
    side_checkpoint: Path,
) -> None:
    """Train a network on a dataset file and write its checkpoint and its history.

    ``network``: the section of the config with ``architecture`` and ``width``. ``evaluation``: the dataset file whose
    test images the history reports on. ``side_checkpoint``: what an interrupted training continues from.
    """
    device = best_device()
    train_split, test_split = read_split(dataset, "train"), read_split(evaluation, "test")
    standardization = read_standardization(dataset)
    architecture = {
        "name": network["architecture"],
        "width": network["width"],
        "in_channels": train_split.images.shape[1],
        "n_classes": int(max(train_split.labels.max(), test_split.labels.max())) + 1,
    }
    trained, table = train(
        architecture=architecture,
        train_split=train_split,
        test_split=test_split,
        standardization=standardization,
        settings=settings,
        device=device,
        side_checkpoint=side_checkpoint,
    )
    metadata = {
        "architecture": architecture,
        "dataset": dataset_name,
        "training": asdict(settings),
        "seed": settings.seed,
        "versions": versions(device),
    }
    write_table(history, table)
    save_checkpoint(model, trained, standardization, metadata)
    side_checkpoint.unlink()


if "snakemake" in globals():
    with job(Path(snakemake.log[0]), f"train_model {snakemake.wildcards.model}"):
        check_files(snakemake.params.expected)
        train_model(
            dataset=Path(snakemake.input.dataset),
            dataset_name=snakemake.params.dataset,
            evaluation=Path(snakemake.input.evaluation),
            network=snakemake.params.network,
            settings=TrainingSettings.from_config(
                snakemake.params.training, snakemake.params.attack, seed=snakemake.params.seed
            ),
            model=Path(snakemake.output.model),
            history=Path(snakemake.output.history),
            side_checkpoint=Path(snakemake.params.side_checkpoint),
        )
