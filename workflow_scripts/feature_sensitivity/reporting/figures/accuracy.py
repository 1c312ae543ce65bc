"""Figure 1: accuracy under attack."""

from collections.abc import Sequence

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.transforms import ScaledTranslation

from feature_sensitivity.reporting.epsilon_axes import axis_positions, axis_title, tick_epsilons
from feature_sensitivity.reporting.figures.model_rows import MOST_CURVES, row_panels
from feature_sensitivity.reporting.protocol import joined
from feature_sensitivity.reporting.style import STYLE, accuracy_bars, add_caption, add_legend, line_style, single_panel

POINTS_APART = 4.0
"""Distance between the bars of neighbouring models, in points, where several seeds give each point a bar."""

SIDE_BY_SIDE = "curves moved sideways, so that no bar hides another"
"""The part of the caption that explains a figure with several seeds."""

LEGEND_COLUMNS = 7
"""Epsilons in a row of the legend, at most."""


def accuracy_figure(accuracy: pd.DataFrame, *, models: Sequence[str], caption: str) -> Figure:
    """Draw accuracy in percent against epsilon, a curve for each model, with bars as of ``accuracy_bars``.

    ``accuracy`` is as ``results/accuracy/{model}.csv``, several seeds pooled as by ``accuracy_over_seeds``. With
    several seeds the curves stand side by side, so that no bar hides another. More models than there are colours have
    rows in place of curves.
    """
    if len(models) > MOST_CURVES:
        return _accuracy_rows(accuracy, models=models, caption=caption)
    with mpl.rc_context(STYLE):
        figure, axes = single_panel(5.2, 3.9)
        for number, model in enumerate(models):
            rows = accuracy[accuracy.model == model].sort_values("epsilon")
            drawn = axes.errorbar(
                axis_positions(rows),
                100 * rows.accuracy,
                yerr=accuracy_bars(rows),
                label=model,
                **line_style(number),
                capsize=2,
                markersize=5,
            )
            if "n_seeds" in accuracy:
                points = POINTS_APART * (number - (len(models) - 1) / 2)
                moved = ScaledTranslation(points / 72, 0, figure.dpi_scale_trans)
                # Only now, as the limits of the axes are taken from the data when they are drawn.
                for artist in drawn.get_children():
                    artist.set_transform(axes.transData + moved)
        tick_epsilons(axes, accuracy)
        axes.set_ylabel("accuracy under attack (%)")
        axes.set_ylim(-3, 103)
        axes.legend(title="model")
        add_caption(figure, joined(caption, SIDE_BY_SIDE if "n_seeds" in accuracy else ""))
    return figure


def _accuracy_rows(accuracy: pd.DataFrame, *, models: Sequence[str], caption: str) -> Figure:
    """Draw a row for each model, with a point at each epsilon."""
    with mpl.rc_context(STYLE):
        figure, (axes,) = row_panels(models, 1)
        figure.set_figwidth(7.2)
        places = {model: place for place, model in enumerate(models)}
        for number, (position, rows) in enumerate(accuracy.groupby(axis_positions(accuracy))):
            style = line_style(number) | {"linestyle": "", "markersize": 4}
            axes.errorbar(
                100 * rows.accuracy, rows.model.map(places), xerr=accuracy_bars(rows), label=f"{position:g}", **style
            )
        axes.set_xlabel("accuracy under attack (%)")
        axes.set_xlim(-3, 103)
        columns = min(LEGEND_COLUMNS, accuracy.epsilon.nunique())
        add_legend(figure, axes, title=f"$\\epsilon$, {axis_title(accuracy)}", columns=columns)
        add_caption(figure, caption)
    return figure
