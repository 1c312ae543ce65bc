"""Figure 2: histograms of sensitivities."""

from collections.abc import Mapping, Sequence

import matplotlib as mpl
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from feature_sensitivity.analysis.seeds import over_seeds
from feature_sensitivity.config.replicates import model_of
from feature_sensitivity.reporting.style import COLORS, LINES, STYLE, add_caption, add_legend, panel_grid

mpl.use("Agg")


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


def _bin_edges(samples: Sequence[np.ndarray]) -> np.ndarray:
    """Bins from 0 that suit the narrowest of the samples and cover all of them, at most 80."""
    high = max(float(values.max()) for values in samples) or 1.0
    widths = [np.diff(np.histogram_bin_edges(values, "auto"))[0] for values in samples]
    return np.linspace(0, high, int(np.clip(high / max(min(widths), 1e-12), 5, 80)) + 1)
