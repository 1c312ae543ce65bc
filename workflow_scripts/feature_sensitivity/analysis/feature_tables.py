"""The tables of measures and counts of features, read and compared with what the run expects."""

from collections.abc import Collection
from pathlib import Path

import pandas as pd

from feature_sensitivity.analysis.feature_counts import INTERVAL, NUMBERS
from feature_sensitivity.analysis.tables import ADVICE, read_table
from feature_sensitivity.config.replicates import model_of
from feature_sensitivity.config.units import exact
from feature_sensitivity.runtime.errors import UserError

Keys = Collection[tuple[str, str]]
"""(replicate, epsilon as spelled in the config) of every measurement of a run."""


def read_features(path: Path, measurements: Keys) -> pd.DataFrame:
    """Return the measures of every feature, with ``epsilon`` as spelled in the config.

    Raises :class:`UserError` when the table is damaged or of another run.
    """
    table = read_table(
        path, texts=("model", "measure", "epsilon"), numbers=("epsilon_255", "feature", "value"), finite=False
    )
    # A table without fractions gives numbers back, in another spelling.
    spelled = {number(epsilon): epsilon for _, epsilon in measurements}
    try:
        table["epsilon"] = table.epsilon.map({text: spelled.get(number(text)) for text in table.epsilon.unique()})
    except (ValueError, ZeroDivisionError) as error:
        raise UserError(f"{path}: epsilon holds something else than numbers; {ADVICE}") from error
    if {*table[["model", "epsilon"]].drop_duplicates().itertuples(index=False, name=None)} != {*measurements}:
        raise UserError(f"{path} has other models or epsilons than this run; {ADVICE}")
    return table


def number(epsilon: str | float) -> float:
    """Return an epsilon, as spelled in the config, as a number."""
    return float(exact(epsilon))


def read_counts(path: Path, measurements: Keys) -> pd.DataFrame:
    """Return the counts of features; raise :class:`UserError` when the table is damaged or of another run."""
    sample = ("n_images", "n_features", "seed")
    table = read_table(path, texts=("model",), numbers=("epsilon", "epsilon_255", *sample, *NUMBERS, *INTERVAL))
    expected = {(model_of(model), number(epsilon)) for model, epsilon in measurements}
    if {(row["model"], row["epsilon"]) for row in table.to_dict("records")} != expected:
        raise UserError(f"{path} has other models or epsilons than this run; {ADVICE}")
    bounds = ["robustly_useful_shown", "robustly_useful_at_most"]
    if (table[[*NUMBERS]].lt(0).any(axis=1) | table[[*NUMBERS]].gt(table.n_features, axis=0).any(axis=1)).any():
        raise UserError(f"{path}: a count of features is no number from 0 to n_features; {ADVICE}")
    if (table[bounds[0]] > table[bounds[1]]).any():
        raise UserError(f"{path}: a lower bound of a count is above its upper bound; {ADVICE}")
    return table
