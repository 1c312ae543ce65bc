"""Sensitivities against a normal distribution."""

from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
import scipy
from matplotlib.figure import Figure
from numpy.typing import NDArray

from feature_sensitivity.analysis.seeds import over_seeds
from feature_sensitivity.reporting.style import (
    STYLE,
    add_caption,
    add_legend,
    draw_seed_band,
    line_style,
    panel_grid,
)


def quantiles_figure(
    sensitivities: Mapping[tuple[str, str], NDArray[np.floating]],
    *,
    models: Sequence[str],
    epsilons: Mapping[str, str],
    caption: str,
) -> tuple[Figure, pd.DataFrame]:
    """Draw quantiles of standardized sensitivities against those of a normal distribution; return also the numbers.

    With several seeds each is standardized by itself, and a band shows the standard deviation over them.
    """
    numbers = []
    with mpl.rc_context(STYLE):
        figure, panels = panel_grid(len(epsilons))
        for (epsilon, title), axes in zip(epsilons.items(), panels, strict=True):
            quantiles = _quantiles(sensitivities, epsilon)
            numbers.append(quantiles)
            for number, model in enumerate(models):
                rows = quantiles[quantiles.model == model]
                dots = {**line_style(number), "linestyle": ""}
                axes.plot(rows.normal_quantile, rows["quantile"], label=model, **dots, markersize=3, alpha=0.7)
                draw_seed_band(axes, rows, x="normal_quantile", y="quantile", number=number)
            ends = rows.normal_quantile.iloc[[0, -1]]
            axes.plot(ends, ends, color="black", linewidth=0.8)
            axes.set_title(f"$\\epsilon$ = {title}", fontsize=9)
            axes.set_xlabel("normal quantile")
            axes.set_ylabel("(sensitivity - mean) / std")
        add_legend(figure, panels[0])
        add_caption(figure, caption)
    return figure, pd.concat(numbers, ignore_index=True)


def _quantiles(sensitivities: Mapping[tuple[str, str], NDArray[np.floating]], epsilon: str) -> pd.DataFrame:
    """Return the quantiles at one epsilon, a row for each model and feature."""
    frames = []
    for (name, at), unsorted in sensitivities.items():
        if at == epsilon:
            values = np.sort(unsorted.astype(np.float64))
            expected, _ = scipy.stats.probplot(values, fit=False)
            observed = (values - values.mean()) / (values.std() or 1.0)
            columns = {"epsilon": epsilon, "model": name, "normal_quantile": expected, "quantile": observed}
            frames.append(pd.DataFrame(columns))
    return over_seeds(pd.concat(frames, ignore_index=True), by=["normal_quantile"], numbers=["quantile"])
