"""The history of a training, read and compared with what the run expects of it."""

from pathlib import Path

import pandas as pd

from feature_sensitivity.analysis.tables import ADVICE, read_table
from feature_sensitivity.runtime.errors import UserError

NUMBERS = ("epoch", "learning_rate", "train_loss", "train_accuracy", "test_accuracy", "seconds")
ROBUST = "robust_test_accuracy"


def read_history(path: Path, *, model: str, epochs: int, adversarial: bool) -> pd.DataFrame:
    """Return ``results/models/{model}.history.csv``, a row for each epoch.

    Raises :class:`UserError` when it is damaged, or of another training.
    """
    table = read_table(path, texts=("model",), numbers=(*NUMBERS, *([ROBUST] if adversarial else [])))
    if set(table.model) != {model}:
        raise UserError(f"{path} is of {', '.join(sorted(map(str, set(table.model))))}, expected {model}; {ADVICE}")
    if table.epoch.tolist() != list(range(1, epochs + 1)):
        raise UserError(f"{path} has {len(table)} rows, expected one for each of {epochs} epochs; {ADVICE}")
    if ROBUST in table and not adversarial:
        raise UserError(f"{path} is of an adversarial training, and this model's is not; {ADVICE}")
    for name in table.columns[table.columns.str.endswith("accuracy")]:
        if not table[name].between(0, 1).all():
            raise UserError(f"{path}: {name} is not a share of images; {ADVICE}")
    return table
