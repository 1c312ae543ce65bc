"""The norm of the attack: table, answer, figure."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure

from feature_sensitivity.config.models import ADVERSARIAL, NORMAL, PAPER_MODELS, ROBUST
from feature_sensitivity.reporting.epsilon_axes import label_epsilon_axis
from feature_sensitivity.reporting.style import add_legend, panel_grid
from feature_sensitivity.studies.study import ENDS, Study, curve, epsilons, percent, percents, with_intervals

TEACHER = (
    "The teacher of the published robust dataset is robust under l2; that of a dataset constructed by a run is robust "
    "under the norm of adversarial training, by default linf, and then the question stays open."
)


SENSITIVITY_ENDS = ("sensitivity_low", "sensitivity_high")


def table(frame: pd.DataFrame) -> pd.DataFrame:
    """Return accuracy and mean sensitivity with their intervals."""
    return pd.DataFrame(
        {
            "norm": frame.norm,
            "model": frame.model,
            "epsilon": epsilons(frame),
            "accuracy %": percents(frame, "accuracy"),
            "mean sensitivity": with_intervals(frame, "sensitivity", ends=SENSITIVITY_ENDS, form=".3g"),
        }
    )


def answer(frame: pd.DataFrame) -> str:
    """Return the robust dataset's gain as a share of the adversarial model's, or else accuracies, under each norm."""
    compares = set(PAPER_MODELS) <= set(frame.model)
    stated = _gain if compares else _accuracies
    means = (
        (norm, rows.groupby("model", sort=False).accuracy.mean()) for norm, rows in frame.groupby("norm", sort=False)
    )
    under_each = "; ".join(f"under {norm} {stated(mean)}" for norm, mean in means)
    if not compares:
        return f"Accuracy, averaged over the epsilons: {under_each}."
    return f"Gain of {ROBUST} over {NORMAL}, averaged over the epsilons: {under_each}. {TEACHER}"


def _gain(mean: pd.Series) -> str:
    gain, other = mean[ROBUST] - mean[NORMAL], mean[ADVERSARIAL] - mean[NORMAL]
    share = f", {percent(gain / other)} % of the adversarial model's {100 * other:.1f}" if other > 0 else ""
    return f"{100 * gain:+.1f} points{share}"


def _accuracies(mean: pd.Series) -> str:
    return ", ".join(f"{percent(share)} % of {model}" for model, share in mean.items())


def draw(frame: pd.DataFrame, models: Sequence[str]) -> Figure:
    """Draw accuracy and mean sensitivity against epsilon, a column for each norm."""
    norms = list(dict.fromkeys(frame.norm))
    figure, panels = panel_grid(2 * len(norms))
    for column, norm in enumerate(norms):
        accuracy, sensitivity = panels[column], panels[len(norms) + column]
        for number, model in enumerate(models):
            rows = frame[(frame.norm == norm) & (frame.model == model)]
            curve(accuracy, rows, "accuracy", number=number, label=model, scale=100)
            curve(sensitivity, rows, "sensitivity", ends=SENSITIVITY_ENDS, number=number, label=model)
        accuracy.set_title(norm, fontsize=9)
        accuracy.set_ylim(-3, 103)
        accuracy.set_ylabel("accuracy under attack (%)")
        sensitivity.set_ylim(bottom=0)
        sensitivity.set_ylabel("mean sensitivity")
        for axes in (accuracy, sensitivity):
            label_epsilon_axis(axes, frame, norm=norm)
    add_legend(figure, panels[0])
    return figure


STUDY = Study(
    title="The norm of the attack",
    question="Is the robust dataset's failure a matter of the norm?",
    table=table,
    answer=answer,
    draw=draw,
    texts=("norm", "model"),
    numbers=("epsilon", "n_images", "accuracy", *ENDS, "sensitivity", *SENSITIVITY_ENDS),
)
