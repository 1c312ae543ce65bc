"""The look that all figures share: colours, captions, legends, curves with their bars and bands."""

import io
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from PIL import Image

from feature_sensitivity.analysis.tables import write_table
from feature_sensitivity.config.protocols import PROTOCOLS
from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.runtime.files import whole_file
from feature_sensitivity.runtime.identity import ADVICE

# Okabe and Ito's (2008) palette, in an order that also differs in lightness, with a marker and a line for each.
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
    "image.composite_image": False,
}
"""Settings of matplotlib; the salt makes equal figures equal files. Composing many pictures takes half of the time."""


CHARACTERS_PER_INCH, CHARACTERS_PER_LINE = 16, 11
"""Width of a legend's text, and what the line and the gap beside a text take, in characters."""

INCHES_PER_ROW = 0.19
"""Height of a row of a legend, by which a figure grows."""

NARROW, INCHES_PER_LINE = 5.0, 0.1
"""A narrow figure grows with each line of its caption, which fills little of a wide one."""


def save_figure(figure: Figure, svg: Path, numbers: pd.DataFrame | None = None) -> None:
    """Write ``svg``, beside it the same as ``.png``, and the ``numbers`` it shows as ``.csv``.

    The PNG has its name as its title, by which :func:`read_png` knows it.
    """
    for suffix, metadata in ((".svg", {"Date": None}), (".png", {"Title": svg.stem})):
        with mpl.rc_context(STYLE), whole_file(svg.with_suffix(suffix)) as temporary:
            figure.savefig(temporary, format=suffix[1:], dpi=200, metadata=metadata)
    if numbers is not None:
        write_table(svg.with_suffix(".csv"), numbers)


def read_png(path: Path) -> bytes:
    """Return a figure's file as it is, which has its name as its title.

    Raises :class:`UserError` when it is damaged, or another figure.
    """
    content = path.read_bytes()
    try:
        with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
            image.load()
            title = image.info.get("Title")
    except MemoryError:
        raise
    except Exception as error:  # whatever a damaged file makes the reader raise
        raise UserError(f"{path} cannot be read as PNG ({error}); {ADVICE}") from error
    if title != path.stem:
        raise UserError(f"{path} is another figure ({title or 'without a title'}); {ADVICE}")
    return content


def single_panel(width: float, height: float) -> tuple[Figure, Axes]:
    """Return a figure of this size in inches with one panel."""
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.subplots()


def empty_figure(reason: str) -> Figure:
    """Return a figure that says why it shows nothing."""
    figure = Figure(figsize=(6.0, 1.0), layout="constrained")
    figure.supxlabel(textwrap.fill(reason, 80), fontsize=9)
    return figure


def panel_grid(n_panels: int) -> tuple[Figure, Sequence[Axes]]:
    """Return a figure with panels in two columns."""
    columns = min(2, n_panels)
    rows = -(-n_panels // columns)
    figure = Figure(figsize=(3.6 * columns, 2.6 * rows + 0.4), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes in grid.flat[n_panels:]:
        axes.set_visible(False)
    return figure, list(grid.flat[:n_panels])


def add_legend(figure: Figure, axes: Axes, *, title: str = "model", columns: int | None = None) -> None:
    """Draw one legend above all panels, from one of them."""
    handles, labels = axes.get_legend_handles_labels()
    fitting = int(CHARACTERS_PER_INCH * figure.get_figwidth()) // (max(map(len, labels)) + CHARACTERS_PER_LINE)
    # A single panel is too narrow for a row.
    columns = columns or (min(len(labels), max(1, fitting)) if len(figure.axes) > 1 else 1)
    rows = -(-len(labels) // columns)
    if rows > 1:
        figure.set_figheight(figure.get_figheight() + INCHES_PER_ROW * (rows - 1))
    figure.legend(handles, labels, loc="outside upper center", ncols=columns, title=title)


def add_caption(figure: Figure, caption: str) -> None:
    """Write the settings in small print below the panels."""
    text = textwrap.fill(caption, round(21 * figure.get_figwidth()))
    if figure.get_figwidth() < NARROW:
        figure.set_figheight(figure.get_figheight() + INCHES_PER_LINE * text.count("\n"))
    figure.supxlabel(text, fontsize=6.5, color="#444444")


def line_style(number: int) -> dict[str, Any]:
    """Return colour, marker and line of the curve with this number; no two of the first 49 are the same."""
    turn = number // len(COLORS)
    return {
        "color": COLORS[number % len(COLORS)],
        "marker": MARKERS[(number + turn) % len(MARKERS)],
        "linestyle": LINES[(number + turn) % len(LINES)],
    }


def protocol_number(name: str) -> int:
    """Return the number of the curves of an attack protocol: one of the last, which models get only in large runs."""
    return len(COLORS) - len(PROTOCOLS) + list(PROTOCOLS).index(name)


def numbered_style(number: int, n_models: int) -> dict[str, Any]:
    """Return colour and marker of a model's point; with more models than colours the marker is its number, from 1."""
    if n_models <= len(COLORS):
        return {"color": line_style(number)["color"], "marker": MARKERS[number], "linestyle": "", "markersize": 6}
    marker = f"${number + 1}$"
    size = 7 if number < 9 else 9  # as high, with two digits
    return {"color": COLORS[number % len(COLORS)], "marker": marker, "linestyle": "", "markersize": size}


def accuracy_bars(rows: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Return bars below and above accuracies, in percent: the standard deviation over seeds, or the 95 % interval."""
    below, above = interval_bars(rows.accuracy, low=rows.ci_low, high=rows.ci_high)
    if "n_seeds" in rows:
        spread = rows.accuracy_seed_std
        below, above = spread.fillna(below), spread.fillna(above)
    return 100 * below, 100 * above


def interval_bars(value: pd.Series, *, low: pd.Series, high: pd.Series) -> tuple[pd.Series, pd.Series]:
    """Return the lengths of error bars from intervals, never negative though their ends may be rounded."""
    return (value - low).clip(lower=0), (high - value).clip(lower=0)


def draw_curve(
    axes: Axes, *, x: pd.Series, y: pd.Series, low: pd.Series, high: pd.Series, number: int, label: str
) -> None:
    """Draw a line with markers and error bars, in the style of the curve with this number."""
    bars = interval_bars(y, low=low, high=high)
    axes.errorbar(x, y, yerr=bars, label=label, **line_style(number), capsize=2, markersize=4)


def draw_seed_band(axes: Axes, rows: pd.DataFrame, *, x: str, y: str, number: int, scale: float = 1.0) -> None:
    """Draw the standard deviation over seeds around column ``y``, times ``scale``, if there are several seeds."""
    if "n_seeds" in rows:
        middle, std = scale * rows[y], scale * rows[f"{y}_seed_std"]
        color = line_style(number)["color"]
        axes.fill_between(rows[x], middle - std, middle + std, color=color, alpha=0.25, linewidth=0)
