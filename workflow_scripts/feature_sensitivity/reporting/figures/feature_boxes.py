"""One measure of all features of each model, as boxes."""

from collections.abc import Mapping, Sequence

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from feature_sensitivity.analysis.estimates import QUANTILES, quantile_name
from feature_sensitivity.reporting.figures.model_rows import draw_boxes, feature_quantiles, row_panels
from feature_sensitivity.reporting.style import STYLE, add_caption


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
