"""A new last layer: table, answer, figure."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from feature_sensitivity.analysis.run import ADVERSARIAL, NORMAL
from feature_sensitivity.reporting.style import STYLE, add_caption, sign
from feature_sensitivity.studies.study import percents


def relinear_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Accuracy of each linear layer without and under attack."""
    clean, attacked = frame[frame.epsilon == 0], frame[frame.epsilon > 0]
    return pd.DataFrame(
        {
            "linear layer": clean["head"].to_numpy(),
            "features": clean.n_features.astype(str).to_numpy(),
            "accuracy %": percents(clean, "accuracy"),
            f"accuracy % at {attacked.epsilon.iloc[0]:g}": percents(attacked, "accuracy"),
        }
    )


def relinear_answer(frame: pd.DataFrame) -> str:
    """The best new layer beside those as trained."""
    attacked = frame[frame.epsilon > 0]
    told = dict(zip(attacked["head"], percents(attacked, "accuracy"), strict=True))
    normal, adversarial = f"{NORMAL} as trained", f"{ADVERSARIAL} as trained"
    new = attacked[~attacked["head"].isin([normal, adversarial])]
    best = str(new["head"].iloc[int(new.accuracy.argmax())])
    return (
        f"Under attack the best new linear layer ({best}) reaches {told[best]} %, beside {told[normal]} % of {normal} "
        f"and {told[adversarial]} % of {adversarial}."
    )


def plot_relinear(frame: pd.DataFrame, *, models: Sequence[str], caption: str) -> Figure:
    """Accuracy of each linear layer, without and under attack."""
    heads = list(dict.fromkeys(frame["head"]))[::-1]
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(6.0, 0.34 * len(heads) + 1.5), layout="constrained")
        for number, (epsilon, rows) in enumerate(frame.groupby("epsilon")):
            places = [heads.index(head) for head in rows["head"]]
            errors = (rows.accuracy - rows.ci_low).clip(lower=0), (rows.ci_high - rows.accuracy).clip(lower=0)
            label = "without attack" if epsilon == 0 else f"$\\epsilon$ = {epsilon:g}"
            style = {**sign(number), "linestyle": ""}
            axes.errorbar(
                100 * rows.accuracy, places, xerr=(100 * errors[0], 100 * errors[1]), label=label, **style, capsize=2
            )
        axes.set_yticks(range(len(heads)), heads)
        axes.set_ylabel("linear layer")
        axes.set_xlabel("accuracy (%)")
        axes.set_xlim(-3, 103)
        figure.legend(loc="outside upper center", ncols=2)
        add_caption(figure, caption)
    return figure
