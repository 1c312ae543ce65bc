"""Figures with a row for each model, in a panel for each epsilon: legible for two models and for thirty."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

INCHES_PER_ROW = 0.24


def row_panels(models: Sequence[str], n_panels: int) -> tuple[Figure, list[Axes]]:
    """Return a figure with panels in two columns, each with a row for each model, the first one on top."""
    columns = min(2, n_panels)
    lines = -(-n_panels // columns)
    height = lines * (0.7 + INCHES_PER_ROW * len(models)) + 0.9
    figure = Figure(figsize=(3.6 * columns if columns > 1 else 5.2, height), layout="constrained")
    grid = figure.subplots(lines, columns, squeeze=False, sharey=True, sharex=True)
    for axes in grid.flat[n_panels:]:
        axes.set_visible(False)
    panels = list(grid.flat[:n_panels])
    panels[0].set_yticks(range(len(models)), models)
    panels[0].set_ylim(len(models) - 0.4, -0.6)
    for axes in panels:
        axes.grid(visible=False, axis="y")
        axes.xaxis.set_tick_params(labelbottom=True)
    return figure, panels
