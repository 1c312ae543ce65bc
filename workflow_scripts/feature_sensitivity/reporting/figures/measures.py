"""How many features are useful and robust, and one measure of all features as boxes: a row for each model."""

from collections.abc import Mapping, Sequence

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from feature_sensitivity.analysis.estimates import QUANTILES, quantile_name
from feature_sensitivity.analysis.feature_counts import INTERVAL
from feature_sensitivity.config.units import number
from feature_sensitivity.reporting.figures.model_rows import draw_boxes, feature_quantiles, row_panels
from feature_sensitivity.reporting.style import STYLE, add_caption, interval_bars

ROBUST, USEFUL, BOUNDS = "#0072B2", "#D55E00", "#CCCCCC"


def feature_counts_figure(
    counts: pd.DataFrame, *, models: Sequence[str], epsilons: Mapping[str, str], caption: str
) -> Figure:
    """Draw the share of robustly useful features with its interval and bounds, and that of useful ones.

    ``counts`` is ``results/feature_counts.csv``.
    """
    with mpl.rc_context(STYLE):
        figure, panels = row_panels(models, len(epsilons))
        for (epsilon, title), axes in zip(epsilons.items(), panels, strict=True):
            rows = counts[counts.epsilon == number(epsilon)].set_index("model").loc[[*models]]
            places = range(len(models))

            def share(name: str, rows: pd.DataFrame = rows) -> "pd.Series[float]":
                return 100 * rows[name] / rows.n_features

            least, most = share("robustly_useful_shown"), share("robustly_useful_at_most")
            axes.barh(
                places,
                most - least,
                left=least,
                height=0.7,
                color=BOUNDS,
                label="at least, at most",
            )
            value, low, high = (share(name) for name in ("robustly_useful", *INTERVAL))
            axes.barh(places, value, height=0.35, color=ROBUST, label="robustly useful")
            ends = interval_bars(value, low=low, high=high)
            axes.errorbar(value, places, xerr=ends, fmt="none", color="black", capsize=1.5, linewidth=1)
            axes.plot(share("useful"), places, "D", color=USEFUL, markersize=4, label="shown useful")
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

    ``values``: ``model``, ``epsilon`` as spelled in the config, ``value``; a row for each feature. ``label``: what the
    axis shows. The box has the middle half of the features and their median, whiskers reach from 5 to 95 %. Features
    without a value are left out.
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
