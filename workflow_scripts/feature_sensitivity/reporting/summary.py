"""The summary of a run as a table of text and as a document."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from feature_sensitivity.analysis.seeds import accuracy_over_seeds
from feature_sensitivity.config.units import in_both_units
from feature_sensitivity.reporting.documents import Block, Bullets, Document, Heading, Note


def summary_document(summary: pd.DataFrame, checks: pd.DataFrame, *, note: str, warnings: Sequence[str]) -> Document:
    """Return the table, the note that states its settings, and the warnings, if any.

    ``summary`` is that of ``analysis.summary.summarize``; ``checks``: accuracies under further attacks, as in
    ``results/accuracy/{model}.checks.csv``.
    """
    table = summary_table(summary)
    stronger = under_stronger_attack(summary, checks)
    if any(stronger):
        table.insert(3, "under APGD %", stronger)
    blocks: list[Block] = [table, Note(note)]
    if warnings:
        blocks += [Heading("Warnings"), Bullets(warnings)]
    return Document("Accuracy and sensitivity", blocks)


def summary_table(summary: pd.DataFrame) -> pd.DataFrame:
    """Return the most important columns of the summary as text."""
    rows = [row for _, row in summary.iterrows()]
    return pd.DataFrame(
        {
            "model": summary.model,
            "epsilon": [in_both_units([row]) for row in summary.to_dict("records")],
            "accuracy %": [accuracy_text(row) for row in rows],
            "sensitivity mean": [_mean_text(row) for row in rows],
            "std": [_number_text(row, "sensitivity_std") for row in rows],
            "median": [_number_text(row, "sensitivity_q50") for row in rows],
            "skewness": [_number_text(row, "sensitivity_skewness") for row in rows],
            "normality p": [f"{p:.1g}" if np.isfinite(p) else "-" for p in summary.sensitivity_normality_p],
        }
    )


def accuracy_text(row: pd.Series) -> str:
    """Return an accuracy in percent with its interval, or with its spread over the seeds where there are several."""
    spread = row.get("accuracy_seed_std", np.nan)
    interval = f"({100 * row.ci_low:.1f}-{100 * row.ci_high:.1f})"
    return f"{100 * row.accuracy:.1f} " + (f"± {100 * spread:.1f}" if np.isfinite(spread) else interval)


def under_stronger_attack(summary: pd.DataFrame, checks: pd.DataFrame) -> list[str]:
    """Return the accuracy under Auto-PGD of each row of ``summary`` as text, empty where it was not measured."""
    pooled = accuracy_over_seeds(checks[checks.attack == "apgd"])
    apgd = {(row.model, row.epsilon): accuracy_text(row) for _, row in pooled.iterrows()}
    return [apgd.get((row.model, row.epsilon), "") for row in summary.itertuples()]


def _mean_text(row: pd.Series) -> str:
    spread = _number_text(row, "sensitivity_mean_seed_std")
    return _number_text(row, "sensitivity_mean") + ("" if spread == "-" else f" ± {spread}")


def _number_text(row: pd.Series, name: str) -> str:
    return f"{row[name]:.4f}" if np.isfinite(row.get(name, np.nan)) else "-"
