"""Fit new linear layers on the features of the normal model, and attack them."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from feature_sensitivity.analysis.estimates import wilson_interval
from feature_sensitivity.attacks.pgd import PGD
from feature_sensitivity.config.units import step_length
from feature_sensitivity.data.dataset_file import read_split
from feature_sensitivity.data.sampling import random_test_images
from feature_sensitivity.data.split import Split
from feature_sensitivity.evaluation.accuracy import correct_under_attack
from feature_sensitivity.evaluation.sensitivity_file import read_sensitivity, rederived
from feature_sensitivity.networks.checkpoints import load_checkpoint
from feature_sensitivity.networks.classifier import Classifier
from feature_sensitivity.runtime.console import job, logger
from feature_sensitivity.runtime.devices import best_device, device_name
from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.runtime.files import whole_file
from feature_sensitivity.training.last_layer import (
    fit_linear_layer,
    fit_linear_layer_adversarially,
    least_sensitive,
    penultimate_features,
)


def main(snakemake: Any) -> None:
    """Unpack the rule."""
    params, study = snakemake.params, snakemake.params.study
    with job(Path(snakemake.log[0]), "refit_last_layer"):
        device = best_device()
        logger.info("on %s", device_name(device))
        network, metadata = load_checkpoint(Path(snakemake.input.model))
        constants = {"mean": metadata["mean"], "std": metadata["std"]}
        file = rederived(read_sensitivity(Path(snakemake.input.sensitivity)), **params.derivation)
        n_features = network.fc.in_features
        if len(file.feature_index) < n_features:
            raise UserError("the study needs every feature; set sensitivity.features to null in the config")
        train, test = read_split(Path(snakemake.input.dataset), "train"), read_split(Path(snakemake.input.test), "test")

        heads: dict[str, tuple[Classifier, int]] = {
            "normal as trained": (network, n_features),
            "adversarial as trained": (load_checkpoint(Path(snakemake.input.adversarial))[0], n_features),
        }
        features = penultimate_features(network, train, **constants, device=device)
        for percent in study["shares"]:
            columns = least_sensitive(file.sensitivity, percent)
            heads[f"{percent:g} % least sensitive"] = (
                fit_linear_layer(network, features, train.labels, columns),
                len(columns),
            )
            logger.info("fitted the layer on %d of %d features", len(columns), n_features)
        first = slice(study["images"])
        heads["all, adversarially"] = (
            fit_linear_layer_adversarially(
                network,
                Split(train.images[first], train.labels[first]),
                **constants,
                attack=PGD(
                    norm=params.training["norm"],
                    epsilon=float(study["epsilon"]),
                    steps=params.training["steps"],
                    step_size=step_length(params.training["relative_step_size"], study["epsilon"]),
                ),
                epochs=study["epochs"],
                learning_rate=study["learning_rate"],
                seed=params.seed,
                device=device,
            ),
            n_features,
        )

        settings = params.accuracy
        chosen = random_test_images(
            len(test.labels), settings["images"] or len(test.labels), params.seed, "accuracy.images"
        )
        rows = []
        for head, (model, n_used) in heads.items():
            for epsilon in ("0", study["epsilon"]):
                correct = correct_under_attack(
                    network=model,
                    images=test.images[chosen],
                    labels=test.labels[chosen],
                    image_index=chosen,
                    **constants,
                    attack=PGD(
                        norm=settings["norm"],
                        epsilon=float(epsilon),
                        steps=settings["steps"],
                        step_size=step_length(settings["relative_step_size"], epsilon),
                    ),
                    iterate=settings["iterate"],
                    restarts=settings["restarts"],
                    clip_to_pixel_box=settings["clip_to_pixel_box"],
                    seed=params.seed,
                    device=device,
                )
                n_correct = int(np.sum(correct))
                interval = wilson_interval(n_correct, len(chosen))
                rows.append(
                    {
                        "head": head,
                        "n_features": n_used,
                        "epsilon": float(epsilon),
                        "n_images": len(chosen),
                        "n_correct": n_correct,
                        "accuracy": n_correct / len(chosen),
                        "ci_low": interval.low,
                        "ci_high": interval.high,
                    }
                )
                logger.info("%s: %.2f %% at epsilon %s", head, 100 * n_correct / len(chosen), epsilon)
        with whole_file(Path(snakemake.output[0])) as temporary:
            pd.DataFrame(rows).to_csv(temporary, index=False)


if "snakemake" in globals():
    main(snakemake)
