"""The corrected Theorem 3: table, answer, figure."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from feature_sensitivity.reporting.style import STYLE, _curve, add_caption, add_legend, panel_grid, sign
from feature_sensitivity.studies.study import percent, percents


def theorem_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Errors and bounds in percent, and how many times the attacked error each bound is."""

    def looseness(bound: str) -> list[str]:
        return [f"{b / e:.2f}" if e > 0 else "-" for b, e in zip(frame[bound], frame["attacked_error"], strict=True)]

    return pd.DataFrame(
        {
            "model": frame.model,
            "epsilon": [f"{epsilon:g}" for epsilon in frame.epsilon],
            "clean error %": [percent(value) for value in frame.clean_error],
            "attacked error %": percents(frame, "attacked_error"),
            "pointwise %": [percent(value) for value in frame.pointwise],
            "K classes %": [percent(value) for value in frame.classes],
            "two classes %": [percent(value) for value in frame.pairs],
            "pointwise / attacked": looseness("pointwise"),
            "K classes / attacked": looseness("classes"),
            "violations": frame.violations.astype(str),
        }
    )


def theorem_answer(frame: pd.DataFrame) -> str:
    """Consistency and looseness."""
    violations, attacked = int(frame.violations.sum()), int((frame.attacked_error * frame.n_images).round().sum())
    check = (
        f"None of the {attacked} attacked points contradicts the pointwise bound."
        if violations == 0
        else f"{violations} of {attacked} attacked points contradict the pointwise bound: the attack on the features "
        "was too weak there."
    )
    told = frame[(frame.classes < 1) | (frame.pointwise < 1)]
    return (
        f"{check} In {len(told)} of {len(frame)} cases a bound is below 100 %. All are estimates, not certificates: "
        "PGD gives lower bounds of the suprema that the theorem asks for. The error between two classes is the mean "
        "over pairs of classes, each on its own images."
    )


def plot_theorem(frame: pd.DataFrame, *, models: Sequence[str], caption: str) -> Figure:
    """Attacked error and bounds in percent against epsilon, a panel for each model."""
    with plt.rc_context(STYLE):
        figure, panels = panel_grid(len(models))
        for model, axes in zip(models, panels, strict=True):
            rows = frame[frame.model == model].sort_values("epsilon")
            _curve(
                *(axes, rows.epsilon, 100 * rows.attacked_error, 100 * rows.ci_low, 100 * rows.ci_high),
                *(0, "error under attack"),
            )
            estimates = (("pointwise", "pointwise"), ("classes", "K classes"), ("pairs", "two classes, mean of pairs"))
            for number, (column, label) in enumerate(estimates, start=1):
                axes.plot(rows.epsilon, 100 * rows[column], label=label, **sign(number), markersize=4)
            axes.set_title(model, fontsize=9)
            axes.set_xlabel("$\\epsilon$, standardized units")
            axes.set_ylabel("error (%)")
            axes.set_ylim(-3, 103)
        add_legend(figure, panels[0], title="estimates, not certificates", columns=2)
        add_caption(figure, caption)
    return figure
