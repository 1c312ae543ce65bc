"""Train one model."""

import platform
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from feature_sensitivity import __version__
from feature_sensitivity.attacks.pgd import PGD
from feature_sensitivity.config.units import step_length
from feature_sensitivity.data.dataset_file import read_split, read_standardization
from feature_sensitivity.networks.checkpoints import save_checkpoint
from feature_sensitivity.runtime.console import job, logger
from feature_sensitivity.runtime.devices import best_device, device_name
from feature_sensitivity.runtime.files import whole_file
from feature_sensitivity.training.train import TrainingSettings, train


def settings_from(training: dict[str, Any], seed: int) -> TrainingSettings:
    """The settings of a model whose ``attack`` is None or the config's ``adversarial_training``."""
    attack, settings = training["attack"], {key: value for key, value in training.items() if key != "attack"}
    if attack is None:
        return TrainingSettings(**settings, seed=seed)
    pgd = PGD(
        norm=attack["norm"],
        epsilon=float(attack["epsilon"]),
        steps=attack["steps"],
        step_size=step_length(attack["relative_step_size"], attack["epsilon"]),
    )
    return TrainingSettings(**settings, seed=seed, attack=pgd, attack_batchnorm=attack["batchnorm"])


def main(snakemake: Any) -> None:
    """Unpack the rule."""
    with job(Path(snakemake.log[0]), f"train_model {snakemake.wildcards.model}"):
        device = best_device()
        logger.info("on %s", device_name(device))
        dataset = Path(snakemake.input.dataset)
        train_split, test_split = read_split(dataset, "train"), read_split(Path(snakemake.input.evaluation), "test")
        mean, std = read_standardization(dataset)
        settings = settings_from(snakemake.params.training, snakemake.params.seed)
        network = snakemake.params.network
        architecture = {
            "name": network["architecture"],
            "width": network["width"],
            "in_channels": train_split.images.shape[1],
            "n_classes": int(max(train_split.labels.max(), test_split.labels.max())) + 1,
        }
        model, history = train(
            architecture=architecture,
            train_split=train_split,
            test_split=test_split,
            mean=mean,
            std=std,
            settings=settings,
            device=device,
            side_checkpoint=Path(snakemake.params.side_checkpoint),
        )
        metadata = {
            "architecture": architecture,
            "dataset": snakemake.params.dataset,
            "mean": mean,
            "std": std,
            "training": asdict(settings),
            "seed": settings.seed,
            "versions": {
                "feature_sensitivity": __version__,
                "torch": str(torch.__version__),
                "python": platform.python_version(),
                "device": device_name(device),
            },
        }
        with whole_file(Path(snakemake.output.history)) as temporary:
            history.to_csv(temporary, index=False)
        save_checkpoint(Path(snakemake.output.model), model, metadata)
        Path(snakemake.params.side_checkpoint).unlink()


if "snakemake" in globals():
    main(snakemake)
