"""Figure 2: histograms of sensitivities."""

from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from feature_sensitivity.analysis.seeds import over_seeds
from feature_sensitivity.config.models import model_of
from feature_sensitivity.reporting.figures.model_rows import MOST_CURVES, draw_boxes, feature_quantiles, row_panels
from feature_sensitivity.reporting.protocol import joined
from feature_sensitivity.reporting.style import STYLE, add_caption, add_legend, line_style, panel_grid

Floats = NDArray[np.floating]

FAR = 1.3
"""Times the 99th percentile: what lies beyond is left out of the picture."""


def sensitivity_figure(
    sensitivities: Mapping[tuple[str, str], Floats],
    *,
    models: Sequence[str],
    epsilons: Mapping[str, str],
    caption: str,
) -> tuple[Figure, pd.DataFrame]:
    """Draw histograms of feature sensitivities, a panel for each epsilon; return also their numbers.

    The bins of each model are as wide as suits its distribution. With several seeds a histogram is the mean of theirs,
    a line is the mean over them, and bands are standard deviations. More models than there are colours have boxes, each
    in a row, in place of histograms; boxes take the features of all seeds together.
    """
    numbers = []
    in_rows = len(models) > MOST_CURVES
    with mpl.rc_context(STYLE):
        figure, panels = row_panels(models, len(epsilons), share_x=False) if in_rows else panel_grid(len(epsilons))
        for (epsilon, title), axes in zip(epsilons.items(), panels, strict=True):
            panel = {name: values for (name, at), values in sensitivities.items() if at == epsilon}
            counts = pd.concat([_counts(_replicates(panel, model), epsilon) for model in models], ignore_index=True)
            numbers.append(counts)
            if in_rows:
                draw_boxes(axes, feature_quantiles(_features(panel, epsilon)), models)
            else:
                _draw_histograms(axes, panel, counts, models)
                _leave_out_far_features(axes, panel, models)
            axes.set_title(f"$\\epsilon$ = {title}", fontsize=9)
            axes.set_xlabel("sensitivity")
        if not in_rows:
            add_legend(figure, panels[0])
        add_caption(figure, caption)
    return figure, pd.concat(numbers, ignore_index=True)


def marks(models: Sequence[str], *, spread: str, pooled: str) -> str:
    """Return for the caption what :func:`sensitivity_figure` draws.

    ``spread`` says what shows the spread over seeds, ``pooled`` that boxes are of the features of all seeds.
    """
    if len(models) > MOST_CURVES:
        return joined("boxes: the middle half of the features and their median; whiskers from 5 to 95 %", pooled)
    return joined("bins of each model as wide as suits it", "vertical lines: means", spread)


def _features(panel: Mapping[str, Floats], epsilon: str) -> pd.DataFrame:
    """Return a row for each feature of each replicate, by the model's name."""
    return pd.concat(
        pd.DataFrame({"model": model_of(name), "epsilon": epsilon, "value": values}) for name, values in panel.items()
    )


def _replicates(panel: Mapping[str, Floats], model: str) -> Mapping[str, Floats]:
    """Return the values [n_features] of each replicate of a model, by its name."""
    return {name: values for name, values in panel.items() if model_of(name) == model}


def _draw_histograms(axes: Axes, panel: Mapping[str, Floats], counts: pd.DataFrame, models: Sequence[str]) -> None:
    for number, model in enumerate(models):
        _draw_histogram(axes, counts[counts.model == model], number=number, label=model)
        _draw_mean(axes, [float(values.mean()) for values in _replicates(panel, model).values()], number=number)
    axes.set_xlim(left=0)
    axes.set_ylabel("features")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))


def _draw_histogram(axes: Axes, rows: pd.DataFrame, *, number: int, label: str) -> None:
    """Draw a histogram, filled from 0; with several seeds what is filled is the standard deviation around it."""
    color, line = line_style(number)["color"], line_style(number)["linestyle"]
    edges = [*rows.bin_low, rows.bin_high.iloc[-1]]
    height = rows.n_features.to_numpy()
    low, high = np.zeros(len(height)), height
    if "n_seeds" in rows:
        std = rows.n_features_seed_std.to_numpy()
        low, high = np.clip(height - std, 0, None), height + std
    axes.stairs(high, edges, baseline=low, fill=True, color=color, alpha=0.25)
    axes.stairs(height, edges, color=color, linestyle=line, linewidth=1.4, label=label)


def _draw_mean(axes: Axes, means: Sequence[float], *, number: int) -> None:
    """Draw a vertical line at the mean over seeds, and around it a band of their standard deviation."""
    color, line = line_style(number)["color"], line_style(number)["linestyle"]
    middle = float(np.mean(means))
    axes.axvline(middle, color=color, linestyle=line, linewidth=0.8)
    if len(means) > 1:
        std = float(np.std(means, ddof=1))
        axes.axvspan(middle - std, middle + std, color=color, alpha=0.25, linewidth=0)


def _leave_out_far_features(axes: Axes, panel: Mapping[str, Floats], models: Sequence[str]) -> None:
    """End the axis near the 99th percentile where a few features lie so far beyond that they would squeeze the rest."""
    features = [np.concatenate(list(_replicates(panel, model).values())) for model in models]
    largest = max(float(values.max()) for values in features)
    end = FAR * max(float(np.quantile(values, 0.99)) for values in features)
    if largest > end > 0:
        axes.set_xlim(right=end)
        text = f"largest: {largest:.3g} \N{RIGHTWARDS ARROW}"
        axes.text(0.99, 0.9, text, ha="right", fontsize=7, transform=axes.transAxes)


def _counts(replicates: Mapping[str, Floats], epsilon: str) -> pd.DataFrame:
    """Return the features in each bin, a row for each bin; ``replicates`` are the values [n_features] of one model."""
    edges = _bin_edges(np.concatenate(list(replicates.values())))
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
        for name, values in replicates.items()
    ]
    return over_seeds(pd.concat(frames, ignore_index=True), by=["bin_low"], numbers=["n_features"])


def _bin_edges(values: Floats) -> Floats:
    """Return bins from 0 that suit the values and cover them, at most 80."""
    high = float(values.max()) or 1.0
    width = np.diff(np.histogram_bin_edges(values, "auto"))[0]
    return np.linspace(0, high, int(np.clip(high / max(width, 1e-12), 5, 80)) + 1)
