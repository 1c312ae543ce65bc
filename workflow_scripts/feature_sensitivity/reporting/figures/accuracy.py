"""Figure 1: accuracy under attack."""

from collections.abc import Sequence

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.transforms import ScaledTranslation

from feature_sensitivity.reporting.epsilon_axes import axis_positions, tick_epsilons
from feature_sensitivity.reporting.style import STYLE, accuracy_bars, add_caption, line_style, single_panel

POINTS_APART = 4.0
"""Distance between the bars of neighbouring models, in points, where several seeds give each point a bar."""


def accuracy_figure(accuracy: pd.DataFrame, *, models: Sequence[str], caption: str) -> Figure:
    """Draw accuracy in percent against epsilon, a curve for each model, with bars as of ``accuracy_bars``.

    With several seeds the curves stand side by side, so that no bar hides another.

    Args:
        accuracy: as ``results/accuracy/{model}.csv``, several seeds pooled as by ``accuracy_over_seeds``.
        models: in the order of their colours.
        caption: states the settings.
    """
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
        add_caption(figure, caption)
    return figure
