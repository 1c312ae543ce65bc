"""Robust error bounds by the corrected Theorem 3: table, answer, figure."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure

from feature_sensitivity.reporting.epsilon_axes import axis_positions, label_epsilon_axis
from feature_sensitivity.reporting.style import add_legend, line_style, panel_grid
from feature_sensitivity.studies.study import ENDS, Study, curve, epsilons, percent, percents, with_intervals

BOUNDS = {"pointwise": "pointwise", "classes": "K classes", "pairs": "two classes, mean of pairs"}


def table(frame: pd.DataFrame) -> pd.DataFrame:
    """Return errors and bounds in percent, and how many times the attacked error each bound is."""
    return pd.DataFrame(
        {
            "model": frame.model,
            "epsilon": epsilons(frame),
            "clean error %": [percent(value) for value in frame.clean_error],
            "attacked error %": percents(frame, "attacked_error"),
            "pointwise %": [percent(value) for value in frame.pointwise],
            "K classes %": _with_interval(frame, "classes"),
            "two classes %": _with_interval(frame, "pairs"),
            "pointwise / attacked": _looseness(frame.pointwise, frame.attacked_error),
            "K classes / attacked": _looseness(frame.classes, frame.attacked_error),
            "violations": frame.violations.astype(str),
        }
    )


def _with_interval(frame: pd.DataFrame, name: str) -> list[str]:
    return with_intervals(frame, name, ends=(f"{name}_low", f"{name}_high"), form=".1f", scale=100)


def _looseness(bounds: pd.Series, errors: pd.Series) -> list[str]:
    return [f"{bound / error:.2f}" if error > 0 else "-" for bound, error in zip(bounds, errors, strict=True)]


def answer(frame: pd.DataFrame) -> str:
    """Return whether attacked points contradict the bounds, and how many bounds say anything."""
    violations, attacked = int(frame.violations.sum()), int(frame.n_tested.sum())
    check = (
        f"None of the {attacked} points that were right before the attack and wrong after it contradicts the "
        "pointwise bound."
        if violations == 0
        else f"{violations} of {attacked} points that were right before the attack and wrong after it contradict the "
        "pointwise bound: the attack on the features was too weak there."
    )
    informative = frame[(frame.classes < 1) | (frame.pointwise < 1)]
    return (
        f"{check} In {len(informative)} of {len(frame)} cases a bound is below 100 %. All are estimates, not "
        "certificates: PGD gives lower bounds of the suprema that the theorem asks for. The error between two "
        "classes is the mean over pairs of classes, each on its own images."
    )


def draw(frame: pd.DataFrame, models: Sequence[str]) -> Figure:
    """Draw attacked error and bounds in percent against epsilon, a panel for each model."""
    figure, panels = panel_grid(len(models))
    for model, axes in zip(models, panels, strict=True):
        rows = frame[frame.model == model].sort_values("epsilon")
        curve(axes, rows, "attacked_error", number=0, label="error under attack", scale=100)
        for number, (column, label) in enumerate(BOUNDS.items(), start=1):
            axes.plot(axis_positions(rows), 100 * rows[column], label=label, **line_style(number), markersize=4)
        axes.set_title(model, fontsize=9)
        label_epsilon_axis(axes, rows)
        axes.set_ylabel("error (%)")
        axes.set_ylim(-3, 103)
    add_legend(figure, panels[0], title="estimates, not certificates", columns=2)
    return figure


STUDY = Study(
    title="The corrected Theorem 3: estimates, not certificates",
    question="What do the sensitivities of features say about the robust error, "
    "and does any attacked point contradict it?",
    table=table,
    answer=answer,
    draw=draw,
    texts=("model",),
    numbers=(
        *("epsilon", "n_images", "clean_error", "attacked_error", *ENDS, *BOUNDS, "n_tested", "violations"),
        *(f"{name}_{end}" for name in ("classes", "pairs") for end in ("low", "high")),
    ),
)
