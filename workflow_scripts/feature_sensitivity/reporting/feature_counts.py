"""Counts of useful and robust features: a table, and a document that says how to read it."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from feature_sensitivity.config.units import in_both_units
from feature_sensitivity.reporting.documents import Document, Note

TITLE = "Useful and robust features"

TITLES: Mapping[str, str] = {
    "robustly_useful": "robustly useful",
    "useful_non_robust": "useful, not shown robust",
    "not_useful": "not shown useful",
}
"""How tables and figures call each kind."""

OVERESTIMATE = (
    "An attack finds less than the true movement of a feature, so robust usefulness is overestimated: some of the "
    "features that count as robustly useful are not."
)

JUDGED = (
    "A feature is useful if, for some class, its standardized value tells images of the class from all others "
    "(rho > 0), and robustly useful if the attack on it cannot undo that (gamma > 0); each is judged by its interval "
    "over images, at 95 % for all classes together. The range behind a count holds at 95 % for all features and "
    "classes together."
)


def counts_document(counts: pd.DataFrame, *, note: str) -> Document:
    """Return the counts with their ranges, and how they are judged; ``note`` states the attack and the images."""
    return Document(TITLE, [counts_table(counts), OVERESTIMATE, JUDGED, Note(f"{note}.")])


def counts_table(counts: pd.DataFrame) -> pd.DataFrame:
    """Return the counts as text, a row for each model and epsilon."""
    rows = counts.to_dict("records")
    return pd.DataFrame(
        {
            "model": counts.model,
            "epsilon": [in_both_units([row]) for row in rows],
            "features": [f"{row['n_features']:g}" for row in rows],
            **{title: [_count_text(row, kind) for row in rows] for kind, title in TITLES.items()},
        }
    )


def _count_text(row: Mapping[Any, Any], kind: str) -> str:
    """Return a count, which over seeds is a mean, with its range."""
    count, low, high = (f"{round(row[name], 1):g}" for name in (kind, f"{kind}_low", f"{kind}_high"))
    return f"{count} ({low} to {high})"
