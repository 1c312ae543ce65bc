"""Figures with a row for each model stay legible, for two models and for thirty."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from feature_sensitivity.analysis.feature_counts import INTERVAL, NUMBERS
from feature_sensitivity.reporting.figures.measures import feature_boxes_figure, feature_counts_figure

EPSILONS = {"8/255": "8/255 (0.16 standardized)", "2/255": "2/255 (0.04 standardized)"}
CAPTION = "linf PGD, 20 steps of 1/8 epsilon, best iterate; 512 test images, 512 features, seed 0"


def counts_of(models: list[str]) -> pd.DataFrame:
    counts = dict(zip(NUMBERS, (2, 1, 6, 8, 7), strict=True))
    ranges = dict(zip(INTERVAL, (1, 4), strict=True))
    rows = [
        {"model": model, "epsilon": epsilon, "n_features": 10, **counts, **ranges}
        for model in models
        for epsilon in (8 / 255, 2 / 255)
    ]
    return pd.DataFrame(rows)


def values_of(models: list[str]) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    frames = [
        pd.DataFrame({"model": model, "epsilon": epsilon, "value": rng.gamma(5, 0.3, 20)})
        for model in models
        for epsilon in EPSILONS
    ]
    return pd.concat(frames, ignore_index=True)


def assert_legible(figure: Figure) -> None:
    """No two row labels overlap, and nothing reaches beyond the figure."""
    FigureCanvasAgg(figure).draw()
    boxes = [label.get_window_extent() for label in figure.axes[0].get_yticklabels()]
    assert all(upper.y0 >= lower.y1 for upper, lower in pairwise(boxes))
    whole = figure.get_tightbbox()
    assert whole.x0 >= -0.02
    assert whole.y0 >= -0.02
    assert whole.x1 <= figure.get_figwidth() + 0.02
    assert whole.y1 <= figure.get_figheight() + 0.02


@pytest.mark.parametrize("n_models", [2, 30])
@pytest.mark.parametrize("n_epsilons", [1, 2])
def test_rows_are_legible(n_models: int, n_epsilons: int):
    models = [f"a_model_with_a_name_{i}" for i in range(n_models)]
    epsilons = dict([*EPSILONS.items()][:n_epsilons])
    options = {"models": models, "epsilons": epsilons, "caption": CAPTION}
    assert_legible(feature_counts_figure(counts_of(models), **options))
    figure, numbers = feature_boxes_figure(values_of(models), label="share", **options)
    assert_legible(figure)
    assert len(numbers) == 2 * n_models


def test_bars_are_the_bounds_and_the_count():
    figure = feature_counts_figure(counts_of(["mine"]), models=["mine"], epsilons=EPSILONS, caption="")
    bounds, count = figure.axes[0].patches
    assert (bounds.get_x(), bounds.get_width()) == pytest.approx((10, 50))
    assert (count.get_x(), count.get_width()) == pytest.approx((0, 20))
    useful = next(line for line in figure.axes[0].lines if line.get_label() == "shown useful")
    assert useful.get_xdata() == [80]


def test_features_without_a_value_are_left_out():
    values = values_of(["mine"])
    values.loc[:4, "value"] = np.nan
    _, numbers = feature_boxes_figure(values, models=["mine"], epsilons=EPSILONS, label="", caption="")
    assert numbers.n_features.tolist() == [15, 20]
    assert numbers.q50[0] == pytest.approx(np.median(values.value[5:20]))
