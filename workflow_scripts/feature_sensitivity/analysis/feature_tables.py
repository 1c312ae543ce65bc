"""The tables of measures and counts of features."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from feature_sensitivity.analysis.feature_counts import INTERVAL, NUMBERS
from feature_sensitivity.analysis.tables import read_table
from feature_sensitivity.config.units import number


def read_features(path: Path, epsilons: Iterable[str], *, expected: Mapping[str, Any]) -> pd.DataFrame:
    """Return the measures of every feature, with ``epsilon`` as in ``epsilons``, those of the config.

    ``expected``: settings and hashes of files that the table must record.

    Raises :class:`UserError` when the table is damaged or of another run.
    """
    table = read_table(
        path,
        texts=("model", "measure", "epsilon"),
        numbers=("epsilon_255", "feature", "value"),
        finite=False,
        expected=expected,
    )
    # A table without fractions gives numbers back, in another spelling.
    spelled = {number(epsilon): epsilon for epsilon in epsilons}
    return table.assign(epsilon=table.epsilon.map({text: spelled.get(number(text)) for text in table.epsilon.unique()}))


def read_counts(path: Path, *, expected: Mapping[str, Any]) -> pd.DataFrame:
    """Return the counts of features; raise :class:`UserError` when the table is damaged or of another run."""
    sample = ("n_images", "n_features", "seed")
    numbers = ("epsilon", "epsilon_255", *sample, *NUMBERS, *INTERVAL)
    return read_table(path, texts=("model",), numbers=numbers, expected=expected)
