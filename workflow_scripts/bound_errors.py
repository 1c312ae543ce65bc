"""Bound the robust error of a model by the corrected Theorem 3, and check that on points that were attacked."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from feature_sensitivity.analysis.error_bounds import LinearLayer, class_bound, is_unmovable, pair_bound
from feature_sensitivity.analysis.estimates import wilson_interval
from feature_sensitivity.attacks.pgd import PGD
from feature_sensitivity.config.units import step_length
from feature_sensitivity.data.dataset_file import read_split
from feature_sensitivity.evaluation.accuracy import correct_under_attack
from feature_sensitivity.evaluation.sensitivity import DEFINITIONS
from feature_sensitivity.evaluation.sensitivity_file import read_sensitivity
from feature_sensitivity.networks.checkpoints import load_checkpoint
from feature_sensitivity.runtime.console import job, logger
from feature_sensitivity.runtime.devices import best_device, device_name
from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.runtime.files import whole_file


def main(snakemake: Any) -> None:
    """Unpack the rule."""
    params, wildcards = snakemake.params, snakemake.wildcards
    with job(Path(snakemake.log[0]), f"bound_errors {wildcards.model} {wildcards.eps}"):
        device = best_device()
        logger.info("on %s", device_name(device))
        network, metadata = load_checkpoint(Path(snakemake.input.model))
        layer = LinearLayer(network.fc.weight.detach().numpy(), network.fc.bias.detach().numpy())
        file = read_sensitivity(Path(snakemake.input.sensitivity))
        if len(file.feature_index) < layer.weight.shape[1]:
            raise UserError("the theorem needs every feature; set sensitivity.features to null in the config")
        split = read_split(Path(snakemake.input.evaluation), "test")
        # The decision is attacked in the very ball in which the features were.
        attack = PGD(
            norm=str(file.attributes["norm"]),
            epsilon=float(wildcards.eps),
            steps=params.accuracy["steps"],
            step_size=step_length(params.accuracy["relative_step_size"], wildcards.eps),
        )
        correct = correct_under_attack(
            network=network,
            images=split.images[file.image_index],
            labels=file.label,
            image_index=file.image_index,
            mean=metadata["mean"],
            std=metadata["std"],
            attack=attack,
            iterate="any",
            restarts=params.restarts,
            clip_to_pixel_box=bool(file.attributes["clip_to_pixel_box"]),
            seed=params.seed,
            device=device,
        )
        movement = DEFINITIONS["max_abs"](file.clean, file.maximum, file.minimum)
        unmovable = is_unmovable(file.clean, file.maximum, file.minimum, file.label, layer)
        wrong = int(np.sum(~correct))
        interval = wilson_interval(wrong, len(correct))
        row = {
            "model": wildcards.model,
            "epsilon": attack.epsilon,
            "n_images": len(correct),
            "clean_error": float(np.mean(layer.logits(file.clean).argmax(axis=1) != file.label)),
            "attacked_error": wrong / len(correct),
            "ci_low": interval.low,
            "ci_high": interval.high,
            "pointwise": float(np.mean(~unmovable)),
            "classes": class_bound(file.clean, movement, file.label, layer),
            "pairs": pair_bound(file.clean, movement, file.label, layer),
            "violations": int(np.sum(unmovable & ~correct)),
        }
        if row["violations"]:
            logger.warning(
                "%d images were attacked although the pointwise bound says that they cannot be: "
                "the attack on the features is too weak there; raise sensitivity.steps or restarts",
                row["violations"],
            )
        with whole_file(Path(snakemake.output[0])) as temporary:
            pd.DataFrame([row]).to_csv(temporary, index=False)


if "snakemake" in globals():
    main(snakemake)
