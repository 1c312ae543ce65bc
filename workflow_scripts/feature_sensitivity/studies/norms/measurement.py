"""Accuracy and mean sensitivity of a run, to be compared with those under another norm."""

import pandas as pd

from feature_sensitivity.analysis.run import Run
from feature_sensitivity.config.units import COLUMNS

NAMES = ("norm", "model", *COLUMNS, "n_images", "accuracy", "ci_low", "ci_high")


def accuracy_beside_sensitivity(accuracy: pd.DataFrame, run: Run) -> pd.DataFrame:
    """Return a row for each attacked row of ``accuracy``, with the run's mean sensitivity at the same epsilon.

    ``accuracy`` has the columns of ``results/accuracy/{model}.csv``.
    """
    rows = []
    for row in accuracy[accuracy.epsilon > 0].to_dict("records"):
        sensitivity = run.sensitivity_of(row["model"], row["epsilon"])
        rows.append(
            {
                **{name: row[name] for name in NAMES if name in row},
                "sensitivity": sensitivity.value,
                "sensitivity_low": sensitivity.low,
                "sensitivity_high": sensitivity.high,
            }
        )
    return pd.DataFrame(rows)
