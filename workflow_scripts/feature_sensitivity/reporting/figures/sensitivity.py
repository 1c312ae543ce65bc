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
from feature_sensitivity.config.replicates import model_of
from feature_sensitivity.reporting.figures.model_rows import MOST_CURVES, draw_boxes, feature_quantiles, row_panels
from feature_sensitivity.reporting.protocol import joined
from feature_sensitivity.reporting.style import STYLE, add_caption, add_legend, line_style, panel_grid

Floats = NDArray[np.floating]


def sensitivity_figure(
    sensitivities: Mapping[tuple[str, str], Floats],
    *,
    models: Sequence[str],
    epsilons: Mapping[str, str],
    caption: str,
) -> tuple[Figure, pd.DataFrame]:
    """Draw histograms of feature sensitivities, a panel for each epsilon; return also their numbers.

    With several seeds a histogram is the mean of theirs; a band shows the standard deviation over them, and so does
    a bar across the line of the mean. More models than there are colours have boxes, each in a row, in place of
    histograms; boxes take the features of all seeds together.

    Args:
        sensitivities: (replicate, epsilon) to values [n_features].
        models: in the order of their colours.
        epsilons: each epsilon as spelled in the config, to its title in both units.
        caption: states the settings.
    """
    numbers = []
    in_rows = len(models) > MOST_CURVES
    with mpl.rc_context(STYLE):
        figure, panels = row_panels(models, len(epsilons), share_x=False) if in_rows else panel_grid(len(epsilons))
        for (epsilon, title), axes in zip(epsilons.items(), panels, strict=True):
            panel = {name: values for (name, at), values in sensitivities.items() if at == epsilon}
            edges = _bin_edges(list(panel.values()))
            counts = _counts(panel, edges, epsilon)
            numbers.append(counts)
            if in_rows:
                draw_boxes(axes, feature_quantiles(_features(panel, epsilon)), models)
            else:
                _draw_histograms(axes, panel, counts, edges, models)
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
    return joined("vertical lines: means", spread)


def _features(panel: Mapping[str, Floats], epsilon: str) -> pd.DataFrame:
    """Return a row for each feature of each replicate, by the model's name."""
    return pd.concat(
        pd.DataFrame({"model": model_of(name), "epsilon": epsilon, "value": values}) for name, values in panel.items()
    )


def _draw_histograms(
    axes: Axes, panel: Mapping[str, Floats], counts: pd.DataFrame, edges: Floats, models: Sequence[str]
) -> None:
    for number, model in enumerate(models):
        means = [float(values.mean()) for name, values in panel.items() if model_of(name) == model]
        _draw_histogram(axes, counts[counts.model == model], edges, number=number, label=model)
        _draw_mean(axes, means, number=number)
    axes.set_ylabel("features")
    axes.yaxis.set_major_locator(MaxNLocator(integer=True))


def _draw_histogram(axes: Axes, rows: pd.DataFrame, edges: Floats, *, number: int, label: str) -> None:
    """Draw a histogram, filled from 0; with several seeds what is filled is the standard deviation around it."""
    color, line = line_style(number)["color"], line_style(number)["linestyle"]
    height = rows.n_features.to_numpy()
    low, high = np.zeros(len(height)), height
    if "n_seeds" in rows:
        std = rows.n_features_seed_std.to_numpy()
        low, high = np.clip(height - std, 0, None), height + std
    axes.stairs(high, edges, baseline=low, fill=True, color=color, alpha=0.25)
    axes.stairs(height, edges, color=color, linestyle=line, linewidth=1.4, label=label)


def _draw_mean(axes: Axes, means: Sequence[float], *, number: int) -> None:
    """Draw a vertical line at the mean over seeds, and across it a bar of their standard deviation."""
    color, line = line_style(number)["color"], line_style(number)["linestyle"]
    middle = float(np.mean(means))
    axes.axvline(middle, color=color, linestyle=line, linewidth=0.8)
    if len(means) > 1:
        # Near the top, each model's a little lower than the last's.
        top, std = 0.97 - 0.04 * number, float(np.std(means, ddof=1))
        axes.errorbar(middle, top, xerr=std, color=color, capsize=2, fmt="none", transform=axes.get_xaxis_transform())


def _counts(panel: Mapping[str, Floats], edges: Floats, epsilon: str) -> pd.DataFrame:
    """Return the features in each bin, a row for each model and bin; ``panel`` is replicate to values [n_features]."""
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


def _bin_edges(samples: Sequence[Floats]) -> Floats:
    """Return bins from 0 that suit the narrowest of the samples and cover all of them, at most 80."""
    high = max(float(values.max()) for values in samples) or 1.0
    widths = [np.diff(np.histogram_bin_edges(values, "auto"))[0] for values in samples]
    return np.linspace(0, high, int(np.clip(high / max(min(widths), 1e-12), 5, 80)) + 1)
