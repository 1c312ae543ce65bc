"""How much of what all attacks together find each of them finds, on a sample."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache, reduce
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from feature_sensitivity.analysis.estimates import ratio_of_means
from feature_sensitivity.config.measurement import SensitivitySettings
from feature_sensitivity.config.units import epsilon_columns
from feature_sensitivity.data.dataset_file import read_split
from feature_sensitivity.data.sampling import random_test_images
from feature_sensitivity.evaluation.feature_extrema import FeatureExtrema, measure_extrema
from feature_sensitivity.evaluation.sensitivity import DEFINITIONS
from feature_sensitivity.networks.checkpoints import load_checkpoint
from feature_sensitivity.networks.pixel_inputs import with_inputs_in
from feature_sensitivity.runtime.devices import best_device
from feature_sensitivity.studies.convergence.attacks import attacks, gradient_evaluations


def measure(
    *,
    checkpoint: Path,
    evaluation: Path,
    model: str,
    epsilon: str,
    study: Mapping[str, Any],
    measured: Mapping[str, Any],
) -> pd.DataFrame:
    """Return the study's table of one model at one epsilon.

    ``epsilon``: as spelled in the config. ``study``: the study's settings there. ``measured``: those of sensitivities
    that it takes.
    """
    settings = SensitivitySettings(**measured).at(epsilon)
    seed = settings.seed
    loaded = load_checkpoint(checkpoint, **settings.feature_layer())
    attacked = with_inputs_in(settings.epsilon_unit, loaded)
    network, standardization = attacked.network, attacked.standardization
    split = read_split(evaluation, "test", lazy=True)
    chosen = random_test_images(len(split.labels), study["images"], seed=seed, key="studies.convergence.images")
    order = np.random.Generator(np.random.PCG64(seed)).permutation(network.n_features)
    features = np.sort(order[: study["features"]]).astype(np.int64)
    x, device = standardization.standardize(torch.from_numpy(split.images[chosen])), best_device()

    def extrema(run: SensitivitySettings) -> FeatureExtrema:
        return measure_extrema(
            network=network,
            x=x,
            image_index=chosen,
            features=features,
            standardization=standardization,
            settings=run,
            device=device,
        )

    compared = attacks(settings, steps=study["steps"], n_starts=study["starts"])
    table = convergence_table(extrema, compared, definition=settings.definition)
    names: dict[str, str | float] = {
        "model": model,
        **epsilon_columns(epsilon, unit=settings.epsilon_unit, std=loaded.standardization.std),
    }
    for place, (name, value) in enumerate(names.items()):
        table.insert(place, name, value)
    return table.assign(n_images=study["images"], n_features=len(features))


def convergence_table(
    measure: Callable[[SensitivitySettings], FeatureExtrema],
    compared: Sequence[tuple[str, Sequence[SensitivitySettings]]],
    *,
    definition: str,
) -> pd.DataFrame:
    """Return a row for each attack: its cost, its mean movement, and the share of the best known one.

    The best known extremum of an image, feature and direction is the best that any of the attacks has found. The share
    is mean movement over that of the best known extrema, with its interval over images. ``measure`` gives the extrema
    of the sample under settings; settings that occur twice among ``compared`` are measured once.
    """
    measured = cache(measure)
    found = [_together([measured(run) for run in runs], definition=definition) for _, runs in compared]
    best = _together([measured(run) for _, runs in compared for run in runs], definition=definition)
    rows = []
    for (attack, runs), movement in zip(compared, found, strict=True):
        share = ratio_of_means(("", 1, movement[None]), ("", -1, best[None]))
        rows.append(
            {
                "attack": attack,
                "steps": runs[0].attack.steps,
                "starts": sum(run.restarts for run in runs),
                "gradient_evaluations": sum(map(gradient_evaluations, runs)),
                "mean_movement": float(movement.mean(dtype=np.float64)),
                "share_of_best": share.value,
                "ci_low": share.low,
                "ci_high": share.high,
            }
        )
    return pd.DataFrame(rows)


def _together(runs: Sequence[FeatureExtrema], *, definition: str) -> NDArray[np.floating]:
    """Return how far the best extrema of these runs move the features of each image on average, [n_images]."""
    maximum = reduce(np.maximum, [run.maximum for run in runs])
    minimum = reduce(np.minimum, [run.minimum for run in runs])
    return DEFINITIONS[definition](runs[0].clean, maximum, minimum).mean(axis=1)
