"""How many features are useful and robust, and one measure of all features as boxes: a row for each model."""

from collections.abc import Mapping, Sequence

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from feature_sensitivity.analysis.estimates import QUANTILES, quantile_name
from feature_sensitivity.analysis.feature_counts import KINDS
from feature_sensitivity.analysis.feature_tables import number
from feature_sensitivity.reporting.feature_counts import TITLES
from feature_sensitivity.reporting.figures.model_rows import draw_boxes, feature_quantiles, row_panels
from feature_sensitivity.reporting.style import STYLE, add_caption, interval_bars

COLORS: Mapping[str, str] = {"robustly_useful": "#0072B2", "useful_non_robust": "#E69F00", "not_useful": "#DDDDDD"}

HATCHES: Mapping[str, str] = {"robustly_useful": "", "useful_non_robust": "///", "not_useful": ""}


def feature_counts_figure(
    counts: pd.DataFrame, *, models: Sequence[str], epsilons: Mapping[str, str], caption: str
) -> Figure:
    """Draw the share of the features of each kind, with the range of the robustly useful ones.

    Args:
        counts: as ``results/feature_counts.csv``.
        models: in the order of their rows.
        epsilons: each epsilon as spelled in the config, to its title in both units.
        caption: states the settings.
    """
    with mpl.rc_context(STYLE):
        figure, panels = row_panels(models, len(epsilons))
        for (epsilon, title), axes in zip(epsilons.items(), panels, strict=True):
            rows = counts[counts.epsilon == number(epsilon)].set_index("model").loc[[*models]]
            places, left = range(len(models)), pd.Series(0.0, rows.index)
            for kind in KINDS:
                share = 100 * rows[kind] / rows.n_features
                bars = axes.barh(places, share, left=left, height=0.5, label=TITLES[kind], linewidth=0)
                for bar in bars:
                    bar.set(facecolor=COLORS[kind], hatch=HATCHES[kind], edgecolor="white")
                left = left + share
            low, share, high = (100 * rows[f"robustly_useful{end}"] / rows.n_features for end in ("_low", "", "_high"))
            ends = interval_bars(share, low=low, high=high)
            below = [place + 0.37 for place in places]
            axes.errorbar(
                share, below, xerr=ends, fmt="none", color=COLORS["robustly_useful"], capsize=1.5, linewidth=1
            )
            axes.set_title(f"$\\epsilon$ = {title}", fontsize=9)
            axes.set_xlabel("% of the features")
            axes.set_xlim(0, 100)
        handles, labels = panels[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper center", ncols=3, columnspacing=1)
        add_caption(figure, caption)
    return figure


def feature_boxes_figure(
    values: pd.DataFrame, *, models: Sequence[str], epsilons: Mapping[str, str], label: str, caption: str
) -> tuple[Figure, pd.DataFrame]:
    """Draw a measure's quantiles over features, with a line at 1; return also the numbers.

    The box has the middle half of the features and their median, whiskers reach from 5 to 95 %. Features without a
    value are left out.

    Args:
        values: ``model``, ``epsilon`` as spelled in the config, ``value``; a row for each feature.
        models: in the order of their rows.
        epsilons: each epsilon as spelled in the config, to its title in both units.
        label: what the axis shows.
        caption: states the settings.
    """
    numbers = feature_quantiles(values)
    with mpl.rc_context(STYLE):
        figure, panels = row_panels(models, len(epsilons))
        for (epsilon, title), axes in zip(epsilons.items(), panels, strict=True):
            draw_boxes(axes, numbers[numbers.epsilon == epsilon], models)
            axes.axvline(1, color="black", linewidth=0.8, linestyle=":")
            axes.set_title(f"$\\epsilon$ = {title}", fontsize=9)
            axes.set_xlabel(label)
            axes.set_xlim(0, 1.05 * max(1.0, numbers[quantile_name(QUANTILES[-1])].max()))
        add_caption(figure, caption)
    return figure, numbers
