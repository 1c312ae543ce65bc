"""Accuracy against sensitivity."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from feature_sensitivity.reporting.style import STYLE, accuracy_bars, add_caption, sign


def plot_tradeoff(summary: pd.DataFrame, *, models: Sequence[str], caption: str) -> Figure:
    """Accuracy in percent against mean sensitivity, a point for each epsilon; ``summary`` as in ``summary.csv``."""
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(5.2, 3.9), layout="constrained")
        for number, model in enumerate(models):
            rows = summary[(summary.model == model) & summary.sensitivity_mean.notna()].sort_values("epsilon")
            axes.errorbar(
                rows.sensitivity_mean,
                100 * rows.accuracy,
                xerr=rows.get("sensitivity_mean_seed_std"),
                yerr=accuracy_bars(rows),
                label=model,
                **sign(number),
                capsize=2,
                markersize=5,
            )
            points = list(zip(rows.epsilon, rows.sensitivity_mean, 100 * rows.accuracy, strict=True))
            for epsilon, *point in points[:1] + points[-1:]:  # those between may be too close for labels
                axes.annotate(
                    f"{epsilon:g}",
                    (point[0], point[1]),
                    (5, 5),
                    textcoords="offset points",
                    fontsize=7,
                    color=sign(number)["color"],
                )
        axes.set_xlabel("mean sensitivity of the features (at each curve's ends its $\\epsilon$)")
        axes.set_ylabel("accuracy under attack (%)")
        axes.set_xlim(left=0)
        axes.set_ylim(-3, 103)
        axes.legend(title="model")
        add_caption(figure, caption)
    return figure
