"""Definitions of sensitivity: table, answer, figure."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from feature_sensitivity.analysis.verdicts import NOT_APPLICABLE, NOT_REPRODUCED, REPRODUCED, UNDECIDED
from feature_sensitivity.reporting.style import single_panel
from feature_sensitivity.studies.study import Study


def table(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the verdicts: a row for each definition, a column for each claim."""
    index = ["definition", "weight_normalization"]
    return frame.pivot(index=index, columns="claim", values="verdict").reset_index()


def answer(frame: pd.DataFrame) -> str:
    """Return how often each claim is reproduced."""
    parts = []
    for claim, rows in frame.groupby("claim"):
        verdicts = (REPRODUCED, NOT_REPRODUCED, UNDECIDED, NOT_APPLICABLE)
        counts = [(name, int((rows.verdict == name).sum())) for name in verdicts]
        parts.append(f"{claim} {', '.join(f'{name} by {n}' for name, n in counts if n)}")
    n = len(frame) // frame.claim.nunique()
    return f"Of {n} definitions: {'; '.join(parts)}."


def draw(frame: pd.DataFrame, models: Sequence[str]) -> Figure:
    """Draw the share of checks that hold, a row for each definition and a column for each claim, with the verdicts."""
    names = frame.definition + ", " + frame.weight_normalization
    rows, columns = list(dict.fromkeys(names)), sorted(frame.claim.unique())
    figure, axes = single_panel(7.2, 0.34 * len(rows) + 1.5)
    axes.grid(visible=False)
    shares = np.full((len(rows), len(columns)), np.nan)
    for name, row in zip(names, frame.to_dict("records"), strict=True):
        y, x = rows.index(name), columns.index(row["claim"])
        share = row["n_hold"] / row["n_checks"] if row["n_checks"] else np.nan
        shares[y, x] = share
        color = "white" if share > 0.65 else "black"
        axes.text(x, y, row["verdict"], ha="center", va="center", color=color, size=7)
    image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(len(columns)), columns)
    axes.set_yticks(range(len(rows)), rows)
    axes.set_ylabel("definition, weights")
    figure.colorbar(image, label="share of numbers that agree").ax.grid(visible=False)
    return figure


STUDY = Study(
    title="Definitions of sensitivity",
    question="How do the conclusions depend on the definition of sensitivity and on the normalization by weights?",
    table=table,
    answer=answer,
    draw=draw,
    texts=("definition", "weight_normalization", "claim", "verdict"),
    numbers=("n_checks", "n_hold", "n_fail"),
)
