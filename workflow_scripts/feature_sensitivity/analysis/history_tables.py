"""The history of a training."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from feature_sensitivity.analysis.tables import read_table

NUMBERS = ("epoch", "learning_rate", "train_loss", "train_accuracy", "test_accuracy", "seconds")


def read_history(path: Path, *, expected: Mapping[str, Any]) -> pd.DataFrame:
    """Return ``results/models/{model}.history.csv``, a row for each epoch.

    ``expected``: the name and the settings of its model, which the table must record.

    Raises :class:`UserError` when it is damaged, or of another training.
    """
    return read_table(path, texts=("model",), numbers=NUMBERS, expected=expected)
