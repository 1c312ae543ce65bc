"""The summary of a run: accuracy and the distribution of sensitivities, a row for each model and epsilon."""

from collections.abc import Mapping

import numpy as np
import pandas as pd

from feature_sensitivity.analysis.estimates import describe
from feature_sensitivity.analysis.seeds import accuracy_over_seeds, over_seeds
from feature_sensitivity.config.units import number
from feature_sensitivity.evaluation.sensitivity_file import SensitivityFile

NORMALITY = "sensitivity_normality_p"


def summarize(accuracy: pd.DataFrame, files: Mapping[tuple[str, str], SensitivityFile]) -> pd.DataFrame:
    """Return accuracy with its interval for every epsilon, 0 included, and statistics of sensitivities where measured.

    ``accuracy``: every replicate, with the columns of ``results/accuracy/{model}.csv``. ``files``: (replicate, epsilon
    as text) to its sensitivities. Several seeds count with their mean, in tests of normality with their largest p: a
    mean of p values is none.
    """
    rows = []
    for (replicate, epsilon), file in files.items():
        described = {f"sensitivity_{name}": value for name, value in describe(file.sensitivity).items()}
        shares = {name: float(np.mean(getattr(file, name))) for name in ("zero_gradient", "at_cap")}
        rows.append({"model": replicate, "epsilon": number(epsilon), **described, **shares})
    sensitivity = pd.DataFrame(rows)
    numbers = sensitivity.columns[2:].drop(NORMALITY)
    sensitivity = over_seeds(sensitivity, by=["epsilon"], numbers=list(numbers), largest=[NORMALITY])
    return accuracy_over_seeds(accuracy).merge(sensitivity, how="left")
