"""Figures beside the paper's: how the models learned, and what claims S1 and S5 look like."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray
from scipy import stats

from feature_sensitivity.figures import STYLE, accuracy_bars, add_caption, add_legend, panel_grid, sign
from feature_sensitivity.spread import over_seeds


def plot_learning(histories: Mapping[str, pd.DataFrame], *, caption: str) -> Figure:
    """Training loss, and accuracy in percent, against epoch, with a band of the standard deviation over seeds.

    ``histories``: replicate to a frame as in ``models/{model}.history.csv``.
    """
    frames = [history.assign(model=name) for name, history in histories.items()]
    numbers = ["train_loss", "train_accuracy", "test_accuracy"]
    pooled = over_seeds(pd.concat(frames), by=["epoch"], numbers=numbers)
    with plt.rc_context(STYLE):
        figure, (loss, accuracy) = panel_grid(2)
        for number, (model, history) in enumerate(pooled.groupby("model", sort=False)):
            every = {**sign(number), "markersize": 3.5, "markevery": max(1, len(history) // 12)}
            loss.plot(history.epoch, history.train_loss, label=model, **every)
            accuracy.plot(history.epoch, 100 * history.test_accuracy, **every)
            accuracy.plot(history.epoch, 100 * history.train_accuracy, **{**every, "marker": None, "alpha": 0.45})
            _add_band(loss, history.epoch, history, "train_loss", number)
            _add_band(accuracy, history.epoch, history, "test_accuracy", number, scale=100)
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


def _add_band(axes: Axes, x: pd.Series, rows: pd.DataFrame, name: str, number: int, *, scale: float = 1.0) -> None:
    """The standard deviation over seeds around a line, if there are several."""
    if "n_seeds" in rows:
        middle, std = scale * rows[name], scale * rows[f"{name}_seed_std"]
        axes.fill_between(x, middle - std, middle + std, color=sign(number)["color"], alpha=0.25, linewidth=0)


def plot_quantiles(
    sensitivities: Mapping[tuple[str, str], NDArray[np.floating]],
    *,
    models: Sequence[str],
    epsilons: Mapping[str, str],
    caption: str,
) -> tuple[Figure, pd.DataFrame]:
    """Quantiles of standardized sensitivities against those of a normal distribution, and the plotted numbers.

    With several seeds each is standardized by itself, and a band shows the standard deviation over them.

    Args:
        sensitivities: (replicate, epsilon) to values [n_features].
        epsilons: each epsilon as spelled in the config, to its title in both units.
    """
    numbers = []
    with plt.rc_context(STYLE):
        figure, panels = panel_grid(len(epsilons))
        for (epsilon, title), axes in zip(epsilons.items(), panels, strict=True):
            panel = {name: values for (name, at), values in sensitivities.items() if at == epsilon}
            quantiles = _quantiles(panel, epsilon)
            numbers.append(quantiles)
            for number, model in enumerate(models):
                rows = quantiles[quantiles.model == model]
                dots = {**sign(number), "linestyle": "", "markersize": 3, "alpha": 0.7}
                axes.plot(rows.normal_quantile, rows["quantile"], label=model, **dots)
                _add_band(axes, rows.normal_quantile, rows, "quantile", number)
            ends = rows.normal_quantile.iloc[[0, -1]]
            axes.plot(ends, ends, color="black", linewidth=0.8)
            axes.set_title(f"$\\epsilon$ = {title}", fontsize=9)
            axes.set_xlabel("normal quantile")
            axes.set_ylabel("(sensitivity - mean) / std")
        add_legend(figure, panels[0])
        add_caption(figure, caption)
    return figure, pd.concat(numbers, ignore_index=True)


def _quantiles(panel: Mapping[str, NDArray[np.floating]], epsilon: str) -> pd.DataFrame:
    """Quantiles, a row for each model and feature; ``panel`` is replicate to values [n_features]."""
    frames = []
    for name, unsorted in panel.items():
        values = np.sort(unsorted.astype(np.float64))
        expected, _ = stats.probplot(values, fit=False)
        observed = (values - values.mean()) / (values.std() or 1.0)
        frame = {"epsilon": epsilon, "model": name, "normal_quantile": expected, "quantile": observed}
        frames.append(pd.DataFrame(frame))
    return over_seeds(pd.concat(frames, ignore_index=True), by=["normal_quantile"], numbers=["quantile"])


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
