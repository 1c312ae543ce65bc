"""Figures with a row for each model, in a panel for each epsilon: legible for two models and for thirty."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from feature_sensitivity.analysis.estimates import QUANTILES, quantile_name
from feature_sensitivity.reporting.style import COLORS, line_style

INCHES_PER_ROW = 0.24

MOST_CURVES = len(COLORS)
"""Models of a figure in which each has a colour of its own; with more it has a row."""

ENDS = ("whislo", "q1", "med", "q3", "whishi")
"""How Matplotlib calls what is drawn at each of ``QUANTILES``."""


def row_panels(models: Sequence[str], n_panels: int, *, share_x: bool = True) -> tuple[Figure, list[Axes]]:
    """Return a figure with panels in two columns, each with a row for each model, the first one on top."""
    columns = min(2, n_panels)
    lines = -(-n_panels // columns)
    height = lines * (0.7 + INCHES_PER_ROW * len(models)) + 0.9
    figure = Figure(figsize=(3.6 * columns if columns > 1 else 5.2, height), layout="constrained")
    grid = figure.subplots(lines, columns, squeeze=False, sharey=True, sharex=share_x)
    for axes in grid.flat[n_panels:]:
        axes.set_visible(False)
    panels = list(grid.flat[:n_panels])
    panels[0].set_yticks(range(len(models)), models)
    panels[0].set_ylim(len(models) - 0.4, -0.6)
    for axes in panels:
        axes.grid(visible=False, axis="y")
        axes.xaxis.set_tick_params(labelbottom=True)
    return figure, panels


def draw_boxes(axes: Axes, quantiles: pd.DataFrame, models: Sequence[str]) -> None:
    """Draw in each model's row the middle half of its features, with the median, and whiskers from 5 to 95 %.

    ``quantiles``: as of :func:`feature_quantiles`, at one epsilon.
    """
    rows = quantiles.set_index("model")
    for place, model in enumerate(models):
        row, color = rows.loc[model], line_style(place)["color"]
        ends = {end: row[quantile_name(share)] for end, share in zip(ENDS, QUANTILES, strict=True)}
        line = {"color": color, "linewidth": 1.2}
        axes.bxp(
            [{**ends, "fliers": []}],
            positions=[place],
            widths=0.55,
            orientation="horizontal",
            showfliers=False,
            manage_ticks=False,
            boxprops=line,
            whiskerprops=line,
            capprops=line,
            medianprops={"color": color, "linewidth": 2.5},
        )


def feature_quantiles(values: pd.DataFrame) -> pd.DataFrame:
    """Return quantiles over features, a row for each model and epsilon; ``n_features`` have a value.

    ``values``: ``model``, ``epsilon`` as spelled in the config, ``value``; a row for each feature.
    """
    groups = values.groupby(["model", "epsilon"], sort=False)["value"]
    quantiles = {quantile_name(share): groups.quantile(share) for share in QUANTILES}
    return pd.DataFrame({**quantiles, "mean": groups.mean(), "n_features": groups.count()}).reset_index()
