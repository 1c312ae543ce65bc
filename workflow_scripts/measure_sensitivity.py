"""Measure the sensitivity of a model's features at one epsilon."""

from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from feature_sensitivity import __version__
from feature_sensitivity.attacks.pgd import PGD
from feature_sensitivity.config.units import epsilon_255, step_length
from feature_sensitivity.data.dataset_file import read_split
from feature_sensitivity.data.sampling import random_test_images
from feature_sensitivity.data.standardization import standardize
from feature_sensitivity.evaluation.feature_extrema import Extremes, ExtremesSettings, measure_extremes
from feature_sensitivity.evaluation.sensitivity_file import write_sensitivity
from feature_sensitivity.evaluation.target_error import measure_until_precise
from feature_sensitivity.networks.checkpoints import load_checkpoint
from feature_sensitivity.runtime.console import job, logger
from feature_sensitivity.runtime.devices import best_device, device_name
from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.runtime.files import sha256_of_file

EXTREMES_SETTINGS = ("iterate", "restarts", "clip_to_pixel_box", "surrogate_relu", "search_dtype", "batch_size")


def first_features(n_features: int, wanted: int | None, model: str) -> NDArray[np.int64]:
    """The indices of the first ``wanted`` features, or of all."""
    if wanted and wanted > n_features:
        raise UserError(
            f"sensitivity.features asks for {wanted} features, but {model} has {n_features}; "
            "ask for at most that, or write null for all"
        )
    return np.arange(wanted or n_features)


def main(snakemake: Any) -> None:
    """Unpack the rule."""
    config, seed = snakemake.params.settings, snakemake.params.seed
    model, epsilon = snakemake.wildcards.model, snakemake.wildcards.eps
    shard = int(snakemake.wildcards.get("shard", 1))
    side_checkpoint = Path(snakemake.params.side_checkpoint)
    with job(Path(snakemake.log[0]), f"measure_sensitivity {Path(snakemake.output[0]).stem}"):
        device = best_device()
        logger.info("on %s", device_name(device))
        network, metadata = load_checkpoint(Path(snakemake.input.model))
        split = read_split(Path(snakemake.input.evaluation), "test")
        chosen = random_test_images(len(split.labels), config["images"], seed, "sensitivity.images")
        chosen = chosen[shard - 1 :: config["shards"]]
        if config["target_relative_error"]:
            chosen = np.random.Generator(np.random.PCG64(seed)).permutation(chosen)
        weight = network.fc.weight.detach().numpy()
        features = first_features(weight.shape[1], config["features"], model)
        attack = PGD(
            norm=config["norm"],
            epsilon=float(epsilon),
            steps=config["steps"],
            step_size=step_length(config["relative_step_size"], epsilon),
        )
        settings = {name: config[name] for name in EXTREMES_SETTINGS}

        def measure(images: slice) -> Extremes:
            index = chosen[images]
            return measure_extremes(
                network=network,
                x=standardize(torch.from_numpy(split.images[index]), metadata["mean"], metadata["std"]),
                image_index=index,
                features=features,
                mean=metadata["mean"],
                std=metadata["std"],
                settings=ExtremesSettings(attack=attack, seed=seed, **settings),
                device=device,
                side_checkpoint=side_checkpoint.with_name(f"{side_checkpoint.name}.from_{images.start or 0}.pt"),
            )

        if config["target_relative_error"]:
            extremes = measure_until_precise(measure, len(chosen), precision=config["target_relative_error"])
        else:
            extremes = measure(slice(None))
        # A precision that is reached early leaves images over; the file is in the order of the dataset.
        order = np.argsort(chosen[: len(extremes.clean)])
        index = chosen[order]
        write_sensitivity(
            Path(snakemake.output[0]),
            clean=extremes.clean[order],
            maximum=extremes.maximum[order],
            minimum=extremes.minimum[order],
            zero_gradient=extremes.zero_gradient.mean(axis=0).astype(np.float32),
            weight=weight[:, features],
            image_index=index,
            label=split.labels[index],
            feature_index=features,
            attributes={
                **settings,
                "batch_size": extremes.batch_size,
                "model": model,
                "norm": attack.norm,
                "epsilon": attack.epsilon,
                "epsilon_255": epsilon_255(epsilon, metadata["std"]),
                "steps": attack.steps,
                "step_size": attack.step_size,
                "target_relative_error": config["target_relative_error"] or "off",
                "seed": seed,
                "checkpoint_sha256": sha256_of_file(Path(snakemake.input.model)),
                "feature_sensitivity_version": __version__,
                "torch_version": str(torch.__version__),
                "device": device_name(device),
            },
        )
        for path in side_checkpoint.parent.glob(f"{side_checkpoint.name}.from_*.pt"):
            path.unlink(missing_ok=True)


if "snakemake" in globals():
    main(snakemake)
