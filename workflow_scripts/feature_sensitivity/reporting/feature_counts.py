"""Counts of useful and robust features: a table, and a document that says how to read it."""

import pandas as pd

from feature_sensitivity.analysis.feature_counts import FEWEST, INTERVAL
from feature_sensitivity.config.units import in_both_units
from feature_sensitivity.reporting.documents import Document, Note

TITLE = "Useful and robust features"

OVERESTIMATE = (
    "An attack finds less than the true movement of a feature, so robust usefulness is overestimated: some of the "
    "features that count as robustly useful are not."
)

JUDGED = (
    "A feature is useful if, for some class, its standardized value tells images of the class from all others "
    "(rho > 0), and robustly useful if the attack on it cannot undo that (gamma > 0). The count of robustly useful "
    "features is the number with gamma > 0, less its bias, with its interval over images; with fewer than "
    f"{FEWEST} images the interval is that of the bounds beside it. The bounds hold at 97.5 % each, for all features "
    "and classes together: at least so many features are shown to be robustly useful, and all but at most so many are "
    "shown not to be. Useful are the features with a rho above 0 at 95 % for all classes together; in brackets stands "
    "how many of them are shown to be so for all features together."
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
            "robustly useful": [
                f"{_shown(row['robustly_useful'])} ({' to '.join(_shown(row[end]) for end in INTERVAL)})"
                for row in rows
            ],
            "at least, at most": [
                f"{_shown(row['robustly_useful_shown'])}, {_shown(row['robustly_useful_at_most'])}" for row in rows
            ],
            "useful": [f"{_shown(row['useful'])} ({_shown(row['useful_shown'])})" for row in rows],
        }
    )


def _shown(count: float) -> str:
    """Return a count, which over seeds is a mean."""
    return f"{round(count, 1):g}"
