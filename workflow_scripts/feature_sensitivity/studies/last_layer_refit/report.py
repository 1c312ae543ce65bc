"""A new last layer: table, answer, figure."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.figure import Figure

from feature_sensitivity.analysis.refits import ADVERSARIAL_AS_TRAINED, NORMAL_AS_TRAINED
from feature_sensitivity.config.units import in_both_units
from feature_sensitivity.reporting.style import interval_bars, line_style, single_panel
from feature_sensitivity.studies.study import Study, percents


def table(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the accuracy of each linear layer without and under attack."""
    clean, attacked = frame[frame.epsilon == 0], frame[frame.epsilon > 0]
    return pd.DataFrame(
        {
            "linear layer": clean["head"].to_numpy(),
            "features": clean.n_features.astype(str).to_numpy(),
            "accuracy %": percents(clean, "accuracy"),
            f"accuracy % at {in_both_units([attacked.iloc[0].to_dict()])}": percents(attacked, "accuracy"),
        }
    )


def answer(frame: pd.DataFrame) -> str:
    """Return the best new layer beside those as trained."""
    attacked = frame[frame.epsilon > 0]
    accuracy = dict(zip(attacked["head"], percents(attacked, "accuracy"), strict=True))
    normal, adversarial = NORMAL_AS_TRAINED, ADVERSARIAL_AS_TRAINED
    new = attacked[~attacked["head"].isin([normal, adversarial])]
    best = str(new["head"].iloc[int(new.accuracy.argmax())])
    return (
        f"Under attack the best new linear layer ({best}) reaches {accuracy[best]} %, beside {accuracy[normal]} % of "
        f"{normal} and {accuracy[adversarial]} % of {adversarial}."
    )


def draw(frame: pd.DataFrame, models: Sequence[str]) -> Figure:
    """Draw the accuracy of each linear layer, without and under attack."""
    heads = list(dict.fromkeys(frame["head"]))[::-1]
    figure, axes = single_panel(6.0, 0.34 * len(heads) + 1.5)
    for number, (epsilon, rows) in enumerate(frame.groupby("epsilon")):
        places = [heads.index(head) for head in rows["head"]]
        bars = interval_bars(100 * rows.accuracy, low=100 * rows.ci_low, high=100 * rows.ci_high)
        label = "without attack" if epsilon == 0 else f"$\\epsilon$ = {in_both_units([rows.iloc[0].to_dict()])}"
        style = {**line_style(number), "linestyle": ""}
        axes.errorbar(100 * rows.accuracy, places, xerr=bars, label=label, **style, capsize=2)
    axes.set_yticks(range(len(heads)), heads)
    axes.set_ylabel("linear layer")
    axes.set_xlabel("accuracy (%)")
    axes.set_xlim(-3, 103)
    figure.legend(loc="outside upper center", ncols=2)
    return figure


STUDY = Study(
    title="A new linear layer",
    question="Can re-arranging the last layer make the normal model robust?",
    table=table,
    answer=answer,
    draw=draw,
    texts=("head",),
    numbers=("n_features", "epsilon", "n_images", "n_correct", "accuracy", "ci_low", "ci_high"),
    may_be_empty=True,  # without a linear layer directly behind the features of normal
)
