"""Accuracy under attack against sensitivity, over models."""

from collections.abc import Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from feature_sensitivity.analysis.rank_correlation import FEWEST, rank_correlation
from feature_sensitivity.config.units import in_both_units
from feature_sensitivity.reporting.style import (
    COLORS,
    STYLE,
    accuracy_bars,
    add_caption,
    add_legend,
    numbered_style,
    panel_grid,
)


def tradeoff_figure(summary: pd.DataFrame, *, models: Sequence[str], caption: str) -> Figure:
    """Draw accuracy in percent against mean sensitivity, a panel for each epsilon and a point for each model.

    ``summary`` is ``results/summary.csv``. From five models on, a panel's title has the rank correlation of the two
    over the models, with its interval.
    """
    attacked = summary[summary.sensitivity_mean.notna()]
    with mpl.rc_context(STYLE):
        figure, panels = panel_grid(attacked.epsilon.nunique())
        for (_, rows), axes in zip(attacked.groupby("epsilon"), panels, strict=True):
            for number, model in enumerate(models):
                _draw_model(axes, rows[rows.model == model], number=number, n_models=len(models), label=model)
            axes.set_title(_title(rows), fontsize=9)
            axes.set_xlabel("mean sensitivity")
            axes.set_ylabel("accuracy under attack (%)")
            if len(models) <= len(COLORS):  # more models need the room
                axes.set_ylim(-4, 104)
        add_legend(figure, panels[0])
        add_caption(figure, caption)
    return figure


def _draw_model(axes: Axes, rows: pd.DataFrame, *, number: int, n_models: int, label: str) -> None:
    axes.errorbar(
        rows.sensitivity_mean,
        100 * rows.accuracy,
        xerr=rows.get("sensitivity_mean_seed_std"),
        yerr=accuracy_bars(rows),
        label=label,
        **numbered_style(number, n_models),
        elinewidth=0.7,
        capsize=2 if n_models <= len(COLORS) else 0,
    )


def _title(rows: pd.DataFrame) -> str:
    """Return the epsilon of a panel, and the rank correlation of its points."""
    epsilon = f"$\\epsilon$ = {in_both_units(rows.to_dict('records'))}"
    if len(rows) < FEWEST:
        return epsilon
    found = rank_correlation(rows.sensitivity_mean, rows.accuracy)
    if np.isnan(found.value):  # all accuracies are equal
        return epsilon
    return f"{epsilon}\nSpearman's $\\rho$ = {found.value:.2f} ({found.low:.2f} to {found.high:.2f})"
