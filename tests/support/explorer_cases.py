"""A made-up run of three networks, one of them a replicate and one with other features, for the page of features."""

import base64
import gzip
from dataclasses import replace

import numpy as np
import pandas as pd

from extremal_cases import EPSILONS, extremal_images, measured
from feature_sensitivity.evaluation.extremal_file import ExtremalImages
from feature_sensitivity.evaluation.sensitivity_file import SensitivityFile
from feature_sensitivity.reporting.explorer.data import ExplorerData, explorer_data

MODELS = {"normal": 6, "normal_seed1": 6, "wide": 12}
"""How many features each has."""

MEASURES = ("sensitivity", "usefulness", "robust_usefulness")


def files() -> dict[tuple[str, str], SensitivityFile]:
    return {
        (model, f"{epsilon}"): replace(file, attributes={**file.attributes, "model": model})
        for model, n_features in MODELS.items()
        for epsilon, file in zip(EPSILONS, measured(n_features=n_features), strict=True)
    }


def extremal() -> dict[str, ExtremalImages]:
    """Each model has other pictures."""
    kept = extremal_images()
    return {
        model: replace(kept, maximizing=kept.maximizing + np.float32(0.05 * number))
        for number, model in enumerate(MODELS)
    }


def measures() -> pd.DataFrame:
    """What ``results/features.csv`` holds; one value is not defined, and there are some for each class."""
    rng = np.random.default_rng(2)
    rows = [
        {"model": model, "epsilon": f"{epsilon}", "feature": feature, "measure": measure, "value": rng.normal()}
        for model, n_features in MODELS.items()
        for epsilon in EPSILONS
        for measure in (*MEASURES, "class_usefulness_0", "class_usefulness_1")
        for feature in range(n_features)
    ]
    table = pd.DataFrame(rows)
    table.loc[(table.model == "wide") & (table.feature == 7) & (table.measure == "usefulness"), "value"] = np.nan
    return table


def unpacked(page: str, block: str) -> str:
    """The text that a page holds under this id, such as ``data``, ``library`` or ``pictures-0``."""
    packed = page.partition(f'id="{block}">')[2].partition("<")[0]
    return gzip.decompress(base64.b64decode(packed)).decode()


def made_up() -> ExplorerData:
    epsilons = {f"{epsilon}": f"{epsilon} ({50 * epsilon:.1f}/255)" for epsilon in EPSILONS}
    return explorer_data(measures(), measured=files(), extremal=extremal(), epsilons=epsilons)
