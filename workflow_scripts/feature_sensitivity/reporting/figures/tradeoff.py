"""Accuracy against sensitivity."""

from collections.abc import Sequence

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from feature_sensitivity.config.units import own_unit
from feature_sensitivity.reporting.style import STYLE, accuracy_bars, add_caption, line_style, single_panel


def tradeoff_figure(summary: pd.DataFrame, *, models: Sequence[str], caption: str) -> Figure:
    """Draw accuracy in percent against mean sensitivity, a point for each epsilon; ``summary`` as ``summary.csv``."""
    with mpl.rc_context(STYLE):
        figure, axes = single_panel(5.2, 3.9)
        for number, model in enumerate(models):
            rows = summary[(summary.model == model) & summary.sensitivity_mean.notna()].sort_values("epsilon")
            axes.errorbar(
                rows.sensitivity_mean,
                100 * rows.accuracy,
                xerr=rows.get("sensitivity_mean_seed_std"),
                yerr=accuracy_bars(rows),
                label=model,
                **line_style(number),
                capsize=2,
                markersize=5,
            )
            # The two ends of the curve; points between them may be too close for labels.
            for _, end in pd.concat([rows.head(1), rows.tail(1)]).drop_duplicates().iterrows():
                axes.annotate(
                    own_unit(end.to_dict()),
                    (end.sensitivity_mean, 100 * end.accuracy),
                    (5, 5),
                    textcoords="offset points",
                    fontsize=7,
                    color=line_style(number)["color"],
                )
        axes.set_xlabel("mean sensitivity of the features (at each curve's ends its $\\epsilon$)")
        axes.set_ylabel("accuracy under attack (%)")
        axes.set_xlim(left=0)
        axes.set_ylim(-3, 103)
        axes.legend(title="model")
        add_caption(figure, caption)
    return figure
