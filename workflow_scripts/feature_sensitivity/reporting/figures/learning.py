"""Learning curves."""

from collections.abc import Mapping

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullFormatter

from feature_sensitivity.analysis.seeds import over_seeds
from feature_sensitivity.reporting.figures.model_rows import MOST_CURVES
from feature_sensitivity.reporting.style import (
    STYLE,
    add_caption,
    add_legend,
    draw_seed_band,
    line_style,
    panel_grid,
)

MARKERS_SHOWN = 12

COLUMNS = 4
"""Small panels in a row."""


def learning_figure(histories: Mapping[str, pd.DataFrame], *, caption: str) -> Figure:
    """Draw training loss, and accuracy in percent, against epoch.

    ``histories``: replicate to a frame as in ``models/{model}.history.csv``. With several seeds lines are means and
    bands show the standard deviation. More models than there are colours have a small panel each in place of curves in
    common panels.
    """
    frames = [history.assign(model=name) for name, history in histories.items()]
    numbers = ["train_loss", "train_accuracy", "test_accuracy"]
    pooled = over_seeds(pd.concat(frames), by=["epoch"], numbers=numbers)
    with mpl.rc_context(STYLE):
        figure = _common_panels(pooled) if pooled.model.nunique() <= MOST_CURVES else _small_panels(pooled)
        add_caption(figure, caption)
    return figure


def _common_panels(pooled: pd.DataFrame) -> Figure:
    figure, (loss, accuracy) = panel_grid(2)
    for number, (model, rows) in enumerate(pooled.groupby("model", sort=False)):
        with_markers = {**line_style(number), "markersize": 3.5, "markevery": max(1, len(rows) // MARKERS_SHOWN)}
        pale = {**line_style(number), "marker": None, "alpha": 0.45}
        loss.plot(rows.epoch, rows.train_loss, label=model, **with_markers)
        accuracy.plot(rows.epoch, 100 * rows.test_accuracy, **with_markers)
        accuracy.plot(rows.epoch, 100 * rows.train_accuracy, **pale)
        draw_seed_band(loss, rows, x="epoch", y="train_loss", number=number)
        draw_seed_band(accuracy, rows, x="epoch", y="test_accuracy", number=number, scale=100)
    loss.set_ylabel("training loss")
    loss.set_yscale("log")
    accuracy.set_ylabel("accuracy (%)")
    accuracy.set_title("with markers: test; pale: training", fontsize=9)
    for axes in (loss, accuracy):
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    add_legend(figure, loss)
    return figure


def _small_panels(pooled: pd.DataFrame) -> Figure:
    """Return a panel for each model: accuracies on the left axis, which all share, and the loss on the right one."""
    n_models = pooled.model.nunique()
    n_lines = -(-n_models // COLUMNS)
    figure = Figure(figsize=(7.2, 1.15 * n_lines + 1), layout="constrained")
    grid = figure.subplots(n_lines, COLUMNS, squeeze=False, sharex=True, sharey=True)
    blue, orange = ({"color": line_style(number)["color"]} for number in (0, 1))
    for place, (model, rows) in enumerate(pooled.groupby("model", sort=False)):
        axes = grid.flat[place]
        loss = axes.twinx()
        lines = [
            *axes.plot(rows.epoch, 100 * rows.test_accuracy, **blue, label="test accuracy (%)"),
            *axes.plot(rows.epoch, 100 * rows.train_accuracy, **blue, alpha=0.45, label="training accuracy (%)"),
            *loss.plot(rows.epoch, rows.train_loss, **orange, linestyle="--", label="training loss (on the right)"),
        ]
        draw_seed_band(axes, rows, x="epoch", y="test_accuracy", number=0, scale=100)
        draw_seed_band(loss, rows, x="epoch", y="train_loss", number=1)
        axes.set_title(model, fontsize=7, pad=2)
        axes.xaxis.set_major_locator(MaxNLocator(3, integer=True))
        axes.tick_params(labelsize=7, labelbottom=place + COLUMNS >= n_models)
        loss.set_yscale("log")
        loss.set_ylim(0.8 * pooled.train_loss.min(), 1.25 * pooled.train_loss.max())
        loss.yaxis.set_minor_formatter(NullFormatter())
        loss.tick_params(labelsize=7, labelright=place % COLUMNS == COLUMNS - 1 or place == n_models - 1)
        loss.grid(visible=False)
    for axes in grid.flat[n_models:]:
        axes.set_visible(False)
    figure.legend(handles=lines, loc="outside upper center", ncols=3, title="against epoch")
    return figure
