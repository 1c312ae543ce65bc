"""Measure the sensitivity of a model's features at one epsilon."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from feature_sensitivity import __version__
from feature_sensitivity.attacks import PGD
from feature_sensitivity.console import job, logger
from feature_sensitivity.datasets import random_test_images, read_split, standardize
from feature_sensitivity.devices import best_device, device_name
from feature_sensitivity.extremes import ExtremesSettings, measure_extremes
from feature_sensitivity.files import UserError, sha256_of_file
from feature_sensitivity.models import load_checkpoint
from feature_sensitivity.sensitivity import write_sensitivity
from feature_sensitivity.units import epsilon_255, step_length

EXTREMES_SETTINGS = ("iterate", "restarts", "clip_to_pixel_box", "surrogate_relu", "batch_size")


def main(snakemake: Any) -> None:
    """Unpack the rule."""
    config, seed = snakemake.params.settings, snakemake.params.seed
    model, epsilon = snakemake.wildcards.model, snakemake.wildcards.eps
    with job(Path(snakemake.log[0]), f"measure_sensitivity {model} {epsilon}"):
        device = best_device()
        logger.info("on %s", device_name(device))
        network, metadata = load_checkpoint(Path(snakemake.input.model))
        split = read_split(Path(snakemake.input.evaluation), "test")
        chosen = random_test_images(len(split.labels), config["images"], seed, "sensitivity.images")
        weight = network.fc.weight.detach().numpy()
        if (config["features"] or 0) > weight.shape[1]:
            raise UserError(
                f"sensitivity.features asks for {config['features']} features, but {model} has {weight.shape[1]}; "
                "ask for at most that, or write null for all"
            )
        features = np.arange(config["features"] or weight.shape[1])
        attack = PGD(
            norm=config["norm"],
            epsilon=float(epsilon),
            steps=config["steps"],
            step_size=step_length(config["relative_step_size"], epsilon),
        )
        settings = {name: config[name] for name in EXTREMES_SETTINGS}
        extremes = measure_extremes(
            network=network,
            x=standardize(torch.from_numpy(split.images[chosen]), metadata["mean"], metadata["std"]),
            image_index=chosen,
            features=features,
            mean=metadata["mean"],
            std=metadata["std"],
            settings=ExtremesSettings(attack=attack, seed=seed, **settings),
            device=device,
            side_checkpoint=Path(snakemake.params.side_checkpoint),
        )
        write_sensitivity(
            Path(snakemake.output[0]),
            clean=extremes.clean,
            maximum=extremes.maximum,
            minimum=extremes.minimum,
            zero_gradient=extremes.zero_gradient,
            weight=weight[:, features],
            image_index=chosen,
            label=split.labels[chosen],
            feature_index=features,
            definition=config["definition"],
            normalization=config["weight_normalization"],
            attributes={
                **settings,
                "model": model,
                "norm": attack.norm,
                "epsilon": attack.epsilon,
                "epsilon_255": epsilon_255(epsilon, metadata["std"]),
                "steps": attack.steps,
                "step_size": attack.step_size,
                "seed": seed,
                "definition": config["definition"],
                "weight_normalization": config["weight_normalization"],
                "checkpoint_sha256": sha256_of_file(Path(snakemake.input.model)),
                "feature_sensitivity_version": __version__,
                "torch_version": str(torch.__version__),
                "device": device_name(device),
            },
        )
        Path(snakemake.params.side_checkpoint).unlink(missing_ok=True)


if "snakemake" in globals():
    main(snakemake)
