"""Figure 1: accuracy under attack."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure

from feature_sensitivity.reporting.style import STYLE, accuracy_bars, add_caption, sign


def plot_accuracy(accuracy: pd.DataFrame, *, models: Sequence[str], caption: str) -> Figure:
    """Accuracy in percent against epsilon, a curve for each model, with bars as of ``accuracy_bars``.

    ``accuracy`` has the columns of ``results/accuracy/{model}.csv``, several seeds pooled as by
    ``accuracy_over_seeds``; ``caption`` states the settings.
    """
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(5.2, 3.9), layout="constrained")
        for number, model in enumerate(models):
            rows = accuracy[accuracy.model == model].sort_values("epsilon")
            axes.errorbar(
                rows.epsilon,
                100 * rows.accuracy,
                yerr=accuracy_bars(rows),
                label=model,
                **sign(number),
                capsize=2,
                markersize=5,
            )
        ticks = accuracy[["epsilon", "epsilon_255"]].drop_duplicates().sort_values("epsilon")
        axes.set_xticks(ticks.epsilon, [f"{e:g}\n{k:.1f}" for e, k in ticks.itertuples(index=False)])
        axes.set_xlabel("$\\epsilon$, standardized units above, 255ths of the pixel range below")
        axes.set_ylabel("accuracy under attack (%)")
        axes.set_ylim(-3, 103)
        axes.legend(title="model")
        add_caption(figure, caption)
    return figure
