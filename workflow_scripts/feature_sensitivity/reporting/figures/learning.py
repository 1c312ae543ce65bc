"""Learning curves."""

from collections.abc import Mapping

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from feature_sensitivity.analysis.seeds import over_seeds
from feature_sensitivity.reporting.style import STYLE, _add_band, add_caption, add_legend, panel_grid, sign


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
