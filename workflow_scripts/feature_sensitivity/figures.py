"""The paper's figures, legible in print and without colour vision."""

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from feature_sensitivity.files import whole_file
from feature_sensitivity.replicates import model_of
from feature_sensitivity.spread import over_seeds

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


def plot_accuracy(accuracy: pd.DataFrame, *, models: Sequence[str], caption: str) -> Figure:
    """Accuracy in percent against epsilon, a curve for each model, with bars as of ``accuracy_bars``.

    ``accuracy`` has the columns of ``results/accuracy/{model}.csv``, several seeds pooled as by
    ``accuracy_over_seeds``; ``caption`` states the settings.
    """
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(5.2, 3.9), layout="constrained")
        for number, model in enumerate(models):
            rows = accuracy[accuracy.model == model].sort_values("epsilon")
            axes.errorbar(
                rows.epsilon,
                100 * rows.accuracy,
                yerr=accuracy_bars(rows),
                label=model,
                **sign(number),
                capsize=2,
                markersize=5,
            )
        ticks = accuracy[["epsilon", "epsilon_255"]].drop_duplicates().sort_values("epsilon")
        axes.set_xticks(ticks.epsilon, [f"{e:g}\n{k:.1f}" for e, k in ticks.itertuples(index=False)])
        axes.set_xlabel("$\\epsilon$, standardized units above, 255ths of the pixel range below")
        axes.set_ylabel("accuracy under attack (%)")
        axes.set_ylim(-3, 103)
        axes.legend(title="model")
        add_caption(figure, caption)
    return figure


def accuracy_bars(rows: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """Bars below and above accuracies, in percent: 95 % Wilson intervals, or the standard deviation over seeds."""
    if "n_seeds" in rows:
        return 100 * rows.accuracy_seed_std, 100 * rows.accuracy_seed_std
    low, high = rows.accuracy - rows.ci_low, rows.ci_high - rows.accuracy
    return 100 * low.clip(lower=0), 100 * high.clip(lower=0)


def plot_sensitivity(
    sensitivities: Mapping[tuple[str, str], np.ndarray],
    *,
    models: Sequence[str],
    epsilons: Mapping[str, str],
    caption: str,
) -> tuple[Figure, pd.DataFrame]:
    """Histograms of feature sensitivities, a panel for each epsilon, and their numbers.

    With several seeds a histogram is the mean of theirs; a band shows the standard deviation over them, and so does
    a bar across the line of the mean.

    Args:
        sensitivities: (replicate, epsilon) to values [n_features].
        epsilons: each epsilon as spelled in the config, to its title in both units.
    """
    counted = []
    with plt.rc_context(STYLE):
        figure, panels = panel_grid(len(epsilons))
        for (epsilon, title), axes in zip(epsilons.items(), panels, strict=True):
            panel = {name: values for (name, at), values in sensitivities.items() if at == epsilon}
            edges = _bin_edges(list(panel.values()))
            counts = _counts(panel, edges, epsilon)
            counted.append(counts)
            for number, model in enumerate(models):
                color, line = COLORS[number % len(COLORS)], LINES[number % len(LINES)]
                rows = counts[counts.model == model]
                height = rows.n_features.to_numpy()
                low, high = _filled(rows)
                axes.stairs(high, edges, baseline=low, fill=True, color=color, alpha=0.25)
                axes.stairs(height, edges, color=color, linestyle=line, linewidth=1.4, label=model)
                means = [float(values.mean()) for name, values in panel.items() if model_of(name) == model]
                middle = float(np.mean(means))
                axes.axvline(middle, color=color, linestyle=line, linewidth=0.8)
                if len(means) > 1:
                    # A bar across the line of the mean, near the top, each model's a little lower than the last's.
                    top, across = 0.97 - 0.04 * number, axes.get_xaxis_transform()
                    spread = float(np.std(means, ddof=1))
                    axes.errorbar(middle, top, xerr=spread, color=color, capsize=2, fmt="none", transform=across)
            axes.set_title(f"$\\epsilon$ = {title}", fontsize=9)
            axes.set_xlabel("sensitivity")
            axes.set_ylabel("features")
        add_legend(figure, panels[0])
        add_caption(figure, caption)
    return figure, pd.concat(counted, ignore_index=True)


def _filled(rows: pd.DataFrame) -> tuple[np.ndarray | float, np.ndarray]:
    """What is filled below and above: a histogram from 0, or the standard deviation over seeds around it."""
    height = rows.n_features.to_numpy()
    if "n_seeds" not in rows:
        return 0, height
    std = rows.n_features_seed_std.to_numpy()
    return np.clip(height - std, 0, None), height + std


def _counts(panel: Mapping[str, np.ndarray], edges: np.ndarray, epsilon: str) -> pd.DataFrame:
    """Features in each bin, a row for each model and bin; ``panel`` is replicate to values [n_features]."""
    frames = [
        pd.DataFrame(
            {
                "epsilon": epsilon,
                "model": name,
                "bin_low": edges[:-1],
                "bin_high": edges[1:],
                "n_features": np.histogram(values, edges)[0],
            }
        )
        for name, values in panel.items()
    ]
    return over_seeds(pd.concat(frames, ignore_index=True), by=["bin_low"], numbers=["n_features"])


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


def _bin_edges(samples: Sequence[np.ndarray]) -> np.ndarray:
    """Bins from 0 that suit the narrowest of the samples and cover all of them, at most 80."""
    high = max(float(values.max()) for values in samples) or 1.0
    widths = [np.diff(np.histogram_bin_edges(values, "auto"))[0] for values in samples]
    return np.linspace(0, high, int(np.clip(high / max(min(widths), 1e-12), 5, 80)) + 1)


def add_caption(figure: Figure, caption: str) -> None:
    """The settings, small, below the panels."""
    characters = round(21 * figure.get_figwidth())
    figure.supxlabel(textwrap.fill(caption, characters), fontsize=6.5, color="#444444")
