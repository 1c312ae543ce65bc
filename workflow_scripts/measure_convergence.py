"""Measure how much more than the protocol's attack more steps and more random starts find, on a sample."""

from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from feature_sensitivity.analysis.estimates import bootstrap, mean_ratio
from feature_sensitivity.attacks.pgd import PGD
from feature_sensitivity.config.units import step_length
from feature_sensitivity.data.dataset_file import read_split
from feature_sensitivity.data.sampling import random_test_images
from feature_sensitivity.data.standardization import standardize
from feature_sensitivity.evaluation.feature_extrema import Extremes, ExtremesSettings, measure_extremes
from feature_sensitivity.evaluation.sensitivity import DEFINITIONS
from feature_sensitivity.networks.checkpoints import load_checkpoint
from feature_sensitivity.runtime.console import job, logger
from feature_sensitivity.runtime.devices import best_device, device_name
from feature_sensitivity.runtime.files import whole_file

STEP_TIMES_STEPS = 2.5
"""Step size times steps, in epsilons: 20 steps of 1/8, as 7 of 5/14."""


@dataclass
class Best:
    """The extremes of all runs so far."""

    maximum: NDArray[np.floating] = field(default_factory=lambda: np.array(-np.inf))
    minimum: NDArray[np.floating] = field(default_factory=lambda: np.array(np.inf))

    def add(self, run: Extremes) -> None:
        """Take a run into account."""
        self.maximum = np.maximum(self.maximum, run.maximum)
        self.minimum = np.minimum(self.minimum, run.minimum)

    def movement(self, clean: NDArray[np.floating], definition: str) -> NDArray[np.floating]:
        """How far each image moves each feature [n_images, n_features]."""
        return DEFINITIONS[definition](clean, self.maximum, self.minimum)


def table(by_steps: dict[int, Extremes], by_start: list[Extremes], *, steps: int, definition: str) -> pd.DataFrame:
    """A row for each number of steps and for each number of starts with the protocol's ``steps``.

    ``share_of_best`` is mean movement over that of the best extremes of all runs, bootstrapped over images;
    ``spread`` is the standard deviation of the mean movement over single starts, relative to their mean.
    """
    clean, best = by_start[0].clean, Best()
    for run in [*by_steps.values(), *by_start]:
        best.add(run)
    best_by_image = best.movement(clean, definition).mean(axis=1)
    single = [DEFINITIONS[definition](clean, run.maximum, run.minimum).mean() for run in by_start]

    def row(movement: NDArray[np.floating], **names: Any) -> dict[str, Any]:
        share = bootstrap(mean_ratio, movement.mean(axis=1), best_by_image)
        return {
            **names,
            "mean_movement": float(movement.mean()),
            "share_of_best": share.value,
            "ci_low": share.low,
            "ci_high": share.high,
            "spread": float(np.std(single, ddof=1) / np.mean(single)),
        }

    rows = []
    for n, run in by_steps.items():
        rows.append(row(DEFINITIONS[definition](clean, run.maximum, run.minimum), varied="steps", steps=n, starts=1))
    together = Best()
    for n, run in enumerate(by_start, start=1):
        together.add(run)
        rows.append(row(together.movement(clean, definition), varied="starts", steps=steps, starts=n))
    return pd.DataFrame(rows)


def main(snakemake: Any) -> None:
    """Unpack the rule."""
    study, config, seed = snakemake.params.study, snakemake.params.settings, snakemake.params.seed
    with job(Path(snakemake.log[0]), f"measure_convergence {snakemake.wildcards.model}"):
        device = best_device()
        logger.info("on %s", device_name(device))
        network, metadata = load_checkpoint(Path(snakemake.input.model))
        split = read_split(Path(snakemake.input.evaluation), "test")
        chosen = random_test_images(len(split.labels), study["images"], seed, "studies.convergence.images")
        n_features = network.fc.in_features
        order = np.random.Generator(np.random.PCG64(seed)).permutation(n_features)
        measure = partial(
            measure_extremes,
            network=network,
            x=standardize(torch.from_numpy(split.images[chosen]), metadata["mean"], metadata["std"]),
            image_index=chosen,
            features=np.sort(order[: study["features"]]).astype(np.int64),
            mean=metadata["mean"],
            std=metadata["std"],
            device=device,
        )

        def run(steps: int, step_size: float, start: int) -> Extremes:
            attack = PGD(norm=config["norm"], epsilon=float(study["epsilon"]), steps=steps, step_size=step_size)
            names = ("iterate", "clip_to_pixel_box", "surrogate_relu", "search_dtype", "batch_size")
            return measure(
                settings=ExtremesSettings(attack=attack, seed=seed + start, **{name: config[name] for name in names})
            )

        epsilon = study["epsilon"]
        by_steps = {n: run(n, STEP_TIMES_STEPS * float(epsilon) / n, 0) for n in study["steps"]}
        protocol = (config["steps"], step_length(config["relative_step_size"], epsilon))
        by_start = [run(*protocol, start) for start in range(study["starts"])]
        result = table(by_steps, by_start, steps=config["steps"], definition=config["definition"])
        result.insert(0, "model", snakemake.wildcards.model)
        result.insert(1, "epsilon", float(epsilon))
        result["n_images"], result["n_features"] = study["images"], min(study["features"], n_features)
        with whole_file(Path(snakemake.output[0])) as temporary:
            result.to_csv(temporary, index=False)


if "snakemake" in globals():
    main(snakemake)
