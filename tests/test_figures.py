"""What can be told of a figure without eyes."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from feature_sensitivity.figures import plot_accuracy, plot_sensitivity, save_figure

MODELS = ["normal", "adversarial"]


@pytest.fixture
def accuracy() -> pd.DataFrame:
    rows = [
        {"model": model, "epsilon": e, "epsilon_255": 50 * e, "accuracy": a, "ci_low": a - 0.1, "ci_high": a + 0.1}
        for model in MODELS
        for e, a in ((0.0, 0.9), (0.2, 0.1))
    ]
    return pd.DataFrame(rows)


def test_figure_1_has_a_curve_for_each_model_and_both_units(accuracy: pd.DataFrame):
    figure = plot_accuracy(accuracy, models=MODELS, caption="settings")
    axes = figure.axes[0]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == MODELS
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["0\n0.0", "0.2\n10.0"]
    curves = [container.lines[0] for container in axes.containers]
    assert len({(line.get_color(), line.get_marker(), line.get_linestyle()) for line in curves}) == 2
    np.testing.assert_allclose(curves[0].get_ydata(orig=False), [90, 10])


def test_figure_2_has_a_panel_for_each_epsilon_and_counts_every_feature():
    rng = np.random.default_rng(0)
    values = {(model, epsilon): rng.gamma(3, size=200) for model in MODELS for epsilon in ("0.04", "0.08", "0.2")}
    titles = {"0.04": "0.04 (2/255)", "0.08": "0.08 (4/255)", "0.2": "0.2 (10/255)"}
    figure, numbers = plot_sensitivity(values, models=MODELS, epsilons=titles, caption="settings")
    visible = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title() for axes in visible] == [f"$\\epsilon$ = {title}" for title in titles.values()]
    assert (numbers.groupby(["model", "epsilon"]).n_features.sum() == 200).all()


def test_sensitivities_of_zero_can_be_drawn():
    figure, numbers = plot_sensitivity(
        {("normal", "0.1"): np.zeros(10)}, models=["normal"], epsilons={"0.1": "0.1"}, caption=""
    )
    assert figure.axes
    assert numbers.n_features.sum() == 10


def test_a_figure_is_saved_twice_and_the_same_each_time(accuracy: pd.DataFrame, tmp_path: Path):
    for name in ("a", "b"):
        save_figure(plot_accuracy(accuracy, models=MODELS, caption="settings"), tmp_path / name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
