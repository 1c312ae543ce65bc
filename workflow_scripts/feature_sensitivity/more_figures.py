"""Figures beside the paper's: how the models learned, and what claims S1 and S5 look like."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray
from scipy import stats

from feature_sensitivity.figures import STYLE, add_caption, add_legend, panel_grid, sign


def plot_learning(histories: Mapping[str, pd.DataFrame], *, caption: str) -> Figure:
    """Training loss, and accuracy in percent, against epoch; ``histories`` as in ``models/{model}.history.csv``."""
    with plt.rc_context(STYLE):
        figure, (loss, accuracy) = panel_grid(2)
        for number, (model, history) in enumerate(histories.items()):
            every = {**sign(number), "markersize": 3.5, "markevery": max(1, len(history) // 12)}
            loss.plot(history.epoch, history.train_loss, label=model, **every)
            accuracy.plot(history.epoch, 100 * history.test_accuracy, **every)
            accuracy.plot(history.epoch, 100 * history.train_accuracy, **{**every, "marker": None, "alpha": 0.45})
        loss.set_ylabel("training loss")
        loss.set_yscale("log")
        accuracy.set_ylabel("accuracy (%)")
        accuracy.set_title("with markers: test; pale: training", fontsize=9)
        for axes in (loss, accuracy):
            axes.set_xlabel("epoch")
            axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        add_legend(figure, loss)
        add_caption(figure, caption)
    return figure


def plot_quantiles(
    sensitivities: Mapping[tuple[str, str], NDArray[np.floating]],
    *,
    models: Sequence[str],
    epsilons: Mapping[str, str],
    caption: str,
) -> tuple[Figure, pd.DataFrame]:
    """Quantiles of standardized sensitivities against those of a normal distribution, and the plotted numbers.

    Args:
        sensitivities: (model, epsilon) to values [n_features].
        epsilons: each epsilon as spelled in the config, to its title in both units.
    """
    numbers = []
    with plt.rc_context(STYLE):
        figure, panels = panel_grid(len(epsilons))
        for (epsilon, title), axes in zip(epsilons.items(), panels, strict=True):
            for number, model in enumerate(models):
                values = np.sort(sensitivities[model, epsilon].astype(np.float64))
                expected, _ = stats.probplot(values, fit=False)
                observed = (values - values.mean()) / (values.std() or 1.0)
                axes.plot(expected, observed, label=model, **{**sign(number), "linestyle": ""}, markersize=3, alpha=0.7)
                frame = {"epsilon": epsilon, "model": model, "normal_quantile": expected, "quantile": observed}
                numbers.append(pd.DataFrame(frame))
            axes.plot(expected[[0, -1]], expected[[0, -1]], color="black", linewidth=0.8)
            axes.set_title(f"$\\epsilon$ = {title}", fontsize=9)
            axes.set_xlabel("normal quantile")
            axes.set_ylabel("(sensitivity - mean) / std")
        add_legend(figure, panels[0])
        add_caption(figure, caption)
    return figure, pd.concat(numbers, ignore_index=True)


def plot_tradeoff(summary: pd.DataFrame, *, models: Sequence[str], caption: str) -> Figure:
    """Accuracy in percent against mean sensitivity, a point for each epsilon; ``summary`` as in ``summary.csv``."""
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(5.2, 3.9), layout="constrained")
        for number, model in enumerate(models):
            rows = summary[(summary.model == model) & summary.sensitivity_mean.notna()].sort_values("epsilon")
            low, high = rows.accuracy - rows.ci_low, rows.ci_high - rows.accuracy
            axes.errorbar(
                rows.sensitivity_mean,
                100 * rows.accuracy,
                yerr=(100 * low.clip(lower=0), 100 * high.clip(lower=0)),
                label=model,
                **sign(number),
                capsize=2,
                markersize=5,
            )
            for epsilon, mean, accuracy in zip(rows.epsilon, rows.sensitivity_mean, rows.accuracy, strict=True):
                axes.annotate(f"{epsilon:g}", (mean, 100 * accuracy), (5, 5), textcoords="offset points", fontsize=7)
        axes.set_xlabel("mean sensitivity of the features (beside each point its $\\epsilon$)")
        axes.set_ylabel("accuracy under attack (%)")
        axes.set_xlim(left=0)
        axes.set_ylim(-3, 103)
        axes.legend(title="model")
        add_caption(figure, caption)
    return figure
