"""Learning curves."""

from collections.abc import Mapping

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from feature_sensitivity.analysis.seeds import over_seeds
from feature_sensitivity.reporting.style import (
    STYLE,
    add_caption,
    add_legend,
    draw_seed_band,
    line_style,
    panel_grid,
)

MARKERS_SHOWN = 12


def learning_figure(histories: Mapping[str, pd.DataFrame], *, caption: str) -> Figure:
    """Draw training loss, and accuracy in percent, against epoch.

    With several seeds lines are means and bands show the standard deviation.

    Args:
        histories: replicate to a frame as in ``models/{model}.history.csv``.
        caption: states the settings.
    """
    frames = [history.assign(model=name) for name, history in histories.items()]
    numbers = ["train_loss", "train_accuracy", "test_accuracy"]
    pooled = over_seeds(pd.concat(frames), by=["epoch"], numbers=numbers)
    with mpl.rc_context(STYLE):
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
        add_caption(figure, caption)
    return figure
