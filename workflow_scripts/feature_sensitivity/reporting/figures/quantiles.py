"""Sensitivities against a normal distribution."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy import stats

from feature_sensitivity.analysis.seeds import over_seeds
from feature_sensitivity.reporting.style import (
    STYLE,
    _add_band,
    add_caption,
    add_legend,
    panel_grid,
    sign,
)


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
