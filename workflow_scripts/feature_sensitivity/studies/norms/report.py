"""The norm of the attack: table, answer, figure."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from feature_sensitivity.analysis.run import ADVERSARIAL, NORMAL, ROBUST
from feature_sensitivity.reporting.style import STYLE, _curve, add_caption, add_legend, panel_grid
from feature_sensitivity.studies.study import percent, percents


def norms_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Accuracy and mean sensitivity."""
    return pd.DataFrame(
        {
            "norm": frame.norm,
            "model": frame.model,
            "epsilon": [f"{epsilon:g}" for epsilon in frame.epsilon],
            "accuracy %": percents(frame, "accuracy"),
            "mean sensitivity": [
                f"{value:.3g} ({low:.3g}-{high:.3g})"
                for value, low, high in zip(
                    frame.sensitivity, frame.sensitivity_low, frame.sensitivity_high, strict=True
                )
            ],
        }
    )


def norms_answer(frame: pd.DataFrame) -> str:
    """The robust dataset's gain as a share of the adversarial model's, under each norm."""
    parts = []
    for norm, rows in frame.groupby("norm", sort=False):
        mean = rows.groupby("model").accuracy.mean()
        gain, other = mean[ROBUST] - mean[NORMAL], mean[ADVERSARIAL] - mean[NORMAL]
        share = f", {percent(gain / other)} % of the adversarial model's {100 * other:.1f}" if other > 0 else ""
        parts.append(f"under {norm} {100 * gain:+.1f} points{share}")
    return f"Gain of {ROBUST} over {NORMAL}, averaged over the epsilons: {'; '.join(parts)}."


def plot_norms(frame: pd.DataFrame, *, models: Sequence[str], caption: str) -> Figure:
    """Accuracy and mean sensitivity against epsilon, a column for each norm."""
    norms = list(dict.fromkeys(frame.norm))
    with plt.rc_context(STYLE):
        figure, panels = panel_grid(2 * len(norms))
        for column, norm in enumerate(norms):
            accuracy, sensitivity = panels[column], panels[len(norms) + column]
            for number, model in enumerate(models):
                rows = frame[(frame.norm == norm) & (frame.model == model)].sort_values("epsilon")
                _curve(
                    *(accuracy, rows.epsilon, 100 * rows.accuracy, 100 * rows.ci_low, 100 * rows.ci_high),
                    *(number, model),
                )
                _curve(
                    *(sensitivity, rows.epsilon, rows.sensitivity, rows.sensitivity_low, rows.sensitivity_high),
                    *(number, model),
                )
            accuracy.set_title(norm, fontsize=9)
            accuracy.set_ylim(-3, 103)
            accuracy.set_ylabel("accuracy under attack (%)")
            sensitivity.set_ylim(bottom=0)
            sensitivity.set_ylabel("mean sensitivity")
            for axes in (accuracy, sensitivity):
                axes.set_xlabel(f"{norm} $\\epsilon$, standardized units")
        add_legend(figure, panels[0])
        add_caption(figure, caption)
    return figure
