"""The look that all figures share."""

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from feature_sensitivity.runtime.files import whole_file

# Okabe and Ito's (2008) palette, in an order that also differs in lightness, and a second sign for each.
COLORS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")

MARKERS = ("o", "s", "^", "D", "v", "P", "X")

LINES: Sequence[str | tuple[int, tuple[int, ...]]] = ("-", "--", "-.", ":", (0, (5, 1)), (0, (3, 1, 1, 1)), (0, (1, 1)))

STYLE: dict[Any, Any] = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.6,
    "axes.axisbelow": True,
    "legend.frameon": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "feature_sensitivity",
}
"""What every figure shares; the salt makes equal figures equal files."""


def save_figure(figure: Figure, svg: Path, numbers: pd.DataFrame | None = None) -> None:
    """Write ``svg``, beside it the same as ``.png``, and the ``numbers`` it shows as ``.csv``."""
    for suffix in (".svg", ".png"):
        with plt.rc_context(STYLE), whole_file(svg.with_suffix(suffix)) as temporary:
            figure.savefig(temporary, format=suffix[1:], dpi=200, metadata={"Date": None} if suffix == ".svg" else None)
    plt.close(figure)
    if numbers is not None:
        with whole_file(svg.with_suffix(".csv")) as temporary:
            numbers.to_csv(temporary, index=False)


def accuracy_bars(rows: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Bars below and above accuracies, in percent: 95 % Wilson intervals, or the standard deviation over seeds."""
    if "n_seeds" in rows:
        return 100 * rows.accuracy_seed_std, 100 * rows.accuracy_seed_std
    low, high = rows.accuracy - rows.ci_low, rows.ci_high - rows.accuracy
    return 100 * low.clip(lower=0), 100 * high.clip(lower=0)


def panel_grid(n_panels: int) -> tuple[Figure, Sequence[Axes]]:
    """A figure with panels in two columns."""
    columns = min(2, n_panels)
    rows = -(-n_panels // columns)
    figure, grid = plt.subplots(
        rows, columns, figsize=(3.6 * columns, 2.6 * rows + 0.4), layout="constrained", squeeze=False
    )
    for axes in grid.flat[n_panels:]:
        axes.set_visible(False)
    return figure, list(grid.flat[:n_panels])


def add_legend(figure: Figure, axes: Axes, *, title: str = "model", columns: int | None = None) -> None:
    """One legend above all panels, from one of them."""
    handles, labels = axes.get_legend_handles_labels()
    columns = columns or (len(labels) if len(figure.axes) > 1 else 1)  # a single panel is too narrow for a row
    figure.legend(handles, labels, loc="outside upper center", ncols=columns, title=title)


def sign(number: int) -> dict[str, Any]:
    """Colour, marker and line of the model with this number, for lines with markers."""
    return {
        "color": COLORS[number % len(COLORS)],
        "marker": MARKERS[number % len(MARKERS)],
        "linestyle": LINES[number % len(LINES)],
    }


def add_caption(figure: Figure, caption: str) -> None:
    """The settings, small, below the panels."""
    characters = round(21 * figure.get_figwidth())
    figure.supxlabel(textwrap.fill(caption, characters), fontsize=6.5, color="#444444")


def _add_band(axes: Axes, x: pd.Series, rows: pd.DataFrame, name: str, number: int, *, scale: float = 1.0) -> None:
    """The standard deviation over seeds around a line, if there are several."""
    if "n_seeds" in rows:
        middle, std = scale * rows[name], scale * rows[f"{name}_seed_std"]
        axes.fill_between(x, middle - std, middle + std, color=sign(number)["color"], alpha=0.25, linewidth=0)


def _curve(axes: Axes, x: pd.Series, y: pd.Series, low: pd.Series, high: pd.Series, number: int, label: str) -> None:
    """A line with markers and error bars, in the style of the model with this number."""
    errors = ((y - low).clip(lower=0), (high - y).clip(lower=0))
    axes.errorbar(x, y, yerr=errors, label=label, **sign(number), capsize=2, markersize=4)
