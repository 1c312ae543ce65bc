"""What can be checked of a figure without looking at it."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from feature_sensitivity.analysis.seeds import accuracy_over_seeds
from feature_sensitivity.reporting.figures.accuracy import POINTS_APART, SIDE_BY_SIDE, accuracy_figure
from feature_sensitivity.reporting.figures.learning import learning_figure
from feature_sensitivity.reporting.figures.model_rows import MOST_CURVES
from feature_sensitivity.reporting.figures.quantiles import quantiles_figure
from feature_sensitivity.reporting.figures.sensitivity import marks, sensitivity_figure
from feature_sensitivity.reporting.figures.tradeoff import tradeoff_figure
from feature_sensitivity.reporting.style import accuracy_bars, line_style, save_figure

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
    figure = accuracy_figure(accuracy, models=MODELS, caption="settings")
    axes = figure.axes[0]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == MODELS
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["0\n0.0", "0.2\n10.0"]
    curves = [container.lines[0] for container in axes.containers]
    assert len({(line.get_color(), line.get_marker(), line.get_linestyle()) for line in curves}) == 2
    np.testing.assert_allclose(curves[0].get_ydata(orig=False), [90, 10])


def test_figure_1_in_pixel_units(accuracy: pd.DataFrame):
    pixel = accuracy.assign(epsilon=8 / 255 * (accuracy.epsilon > 0), epsilon_255=8.0 * (accuracy.epsilon > 0))
    pixel["epsilon_standardized"] = 5 * pixel.epsilon
    axes = accuracy_figure(pixel, models=MODELS, caption="settings").axes[0]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["0\n0", "8\n0.157"]
    assert axes.get_xlabel() == "$\\epsilon$, 255ths of the pixel range above, standardized units below"
    np.testing.assert_allclose(axes.containers[0].lines[0].get_xdata(orig=False), [0, 8])


def test_figure_1_leaves_out_a_unit_that_models_do_not_share(accuracy: pd.DataFrame):
    accuracy["epsilon_255"] *= np.where(accuracy.model == "normal", 1, 1.2)
    axes = accuracy_figure(accuracy, models=MODELS, caption="settings").axes[0]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["0", "0.2"]
    assert axes.get_xlabel() == "$\\epsilon$, standardized units"


def test_figure_2_has_a_panel_for_each_epsilon_and_counts_every_feature():
    rng = np.random.default_rng(0)
    values = {(model, epsilon): rng.gamma(3, size=200) for model in MODELS for epsilon in ("0.04", "0.08", "0.2")}
    titles = {"0.04": "0.04 (2/255)", "0.08": "0.08 (4/255)", "0.2": "0.2 (10/255)"}
    figure, numbers = sensitivity_figure(values, models=MODELS, epsilons=titles, caption="settings")
    visible = [axes for axes in figure.axes if axes.get_visible()]
    assert [axes.get_title() for axes in visible] == [f"$\\epsilon$ = {title}" for title in titles.values()]
    assert (numbers.groupby(["model", "epsilon"]).n_features.sum() == 200).all()


def test_figure_1_shows_the_spread_over_seeds(accuracy: pd.DataFrame):
    second = accuracy.assign(model=accuracy.model + "_seed1", accuracy=accuracy.accuracy + 0.02)
    pooled = accuracy_over_seeds(pd.concat([accuracy, second]).assign(n_correct=0))
    axes = accuracy_figure(pooled, models=MODELS, caption="settings").axes[0]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == MODELS
    line, _, (bars,) = axes.containers[0].lines
    np.testing.assert_allclose(line.get_ydata(orig=False), [91, 11])
    # Two values that are 2 points apart have a standard deviation of sqrt(2).
    np.testing.assert_allclose([np.ptp(bar[:, 1]) for bar in bars.get_segments()], 2 * np.sqrt(2))


def test_with_several_seeds_no_bar_of_figure_1_hides_another(accuracy: pd.DataFrame):
    second = accuracy.assign(model=accuracy.model + "_seed1")
    pooled = accuracy_over_seeds(pd.concat([accuracy, second]).assign(n_correct=0))

    def places(table: pd.DataFrame) -> list[float]:
        """Where the first point of each model is on the canvas, in points from the left."""
        figure = accuracy_figure(table, models=MODELS, caption="")
        figure.draw_without_rendering()
        lines = [container.lines[0] for container in figure.axes[0].containers]
        return [float(72 / figure.dpi * line.get_transform().transform((0, 90))[0]) for line in lines]

    first, other = places(pooled)
    assert other - first == pytest.approx(POINTS_APART)
    assert SIDE_BY_SIDE in accuracy_figure(pooled, models=MODELS, caption="").get_supxlabel().replace("\n", " ")
    first, other = places(accuracy)
    assert other == first


@pytest.mark.parametrize("n", [1, 3, 5, 7])
def test_a_single_panel_has_room_beside_its_legend_and_caption(n: int):
    models = [f"model_{number}" for number in range(n)]
    values = {(model, "0.1"): np.linspace(0, 1, 9) for model in models}
    figure, _ = sensitivity_figure(values, models=models, epsilons={"0.1": "0.1"}, caption="a setting; " * 40)
    figure.draw_without_rendering()
    (axes,) = figure.axes
    assert axes.get_position().height * figure.get_figheight() > 1.2


def test_more_models_than_colours_have_rows_in_figure_1(accuracy: pd.DataFrame):
    models = [f"model_{i}" for i in range(MOST_CURVES + 1)]
    table = pd.concat([accuracy[accuracy.model == "normal"].assign(model=model) for model in models])
    figure = accuracy_figure(table, models=models, caption="settings")
    (axes,) = figure.axes
    assert [tick.get_text() for tick in axes.get_yticklabels()] == models
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["0", "0.2"]
    clean = axes.containers[0].lines[0]
    np.testing.assert_allclose(clean.get_xdata(orig=False), [90] * len(models))
    np.testing.assert_allclose(clean.get_ydata(orig=False), range(len(models)))


def test_more_models_than_colours_have_rows_in_figure_2():
    models = [f"model_{i}" for i in range(MOST_CURVES + 1)]
    values = {
        (f"{model}{seed}", "0.1"): np.linspace(0, i + 1, 21)
        for i, model in enumerate(models)
        for seed in ("", "_seed1")
    }
    figure, numbers = sensitivity_figure(values, models=models, epsilons={"0.1": "0.1"}, caption="")
    (axes,) = figure.axes
    assert [tick.get_text() for tick in axes.get_yticklabels()] == models
    medians = [line.get_xdata()[0] for line in axes.lines if line.get_linewidth() == 2.5]
    np.testing.assert_allclose(medians, [(i + 1) / 2 for i in range(len(models))])
    assert numbers.groupby("model").n_features.sum().tolist() == [21] * len(models)
    assert marks(models, spread="a band", pooled="of 2 seeds").endswith("95 %; of 2 seeds")
    assert marks(models[:2], spread="a band", pooled="of 2 seeds").endswith("it; vertical lines: means; a band")


def test_figure_2_counts_features_in_whole_numbers():
    values = {("normal", "0.1"): np.linspace(0, 1, 9)}
    figure, _ = sensitivity_figure(values, models=["normal"], epsilons={"0.1": "0.1"}, caption="")
    figure.draw_without_rendering()
    assert all(tick == round(tick) for tick in figure.axes[0].get_yticks())


def test_figure_2_leaves_out_a_feature_far_beyond_all_others_and_says_so():
    values = {("normal", "0.1"): np.linspace(0, 1, 200), ("other", "0.1"): np.append(np.linspace(0, 0.1, 199), 5)}
    figure, numbers = sensitivity_figure(values, models=["normal", "other"], epsilons={"0.1": "0.1"}, caption="")
    (axes,) = figure.axes
    assert axes.get_xlim() == pytest.approx((0, 1.3 * 0.99))
    assert [text.get_text() for text in axes.texts] == ["largest: 5 \N{RIGHTWARDS ARROW}"]
    assert numbers.groupby("model").n_features.sum().tolist() == [200, 200]


def test_figure_2_shows_mean_counts_and_their_spread():
    values = {("normal", "0.1"): np.array([0.1, 0.1, 0.9]), ("normal_seed1", "0.1"): np.array([0.1, 0.9, 0.9])}
    figure, numbers = sensitivity_figure(values, models=["normal"], epsilons={"0.1": "0.1"}, caption="")
    assert (numbers.model == "normal").all()
    assert numbers.n_features.sum() == 3
    ends = numbers.iloc[[0, -1]]
    assert not ends.bin_low.duplicated().any()
    occupied = numbers[numbers.n_features > 0]
    assert occupied.n_features.tolist() == [1.5, 1.5]
    np.testing.assert_allclose(occupied.n_features_seed_std, np.sqrt(0.5))
    filled, curve, around_mean = figure.axes[0].patches
    band, line = filled.get_data(), curve.get_data()
    np.testing.assert_allclose(band.values - line.values, numbers.n_features_seed_std)
    np.testing.assert_allclose(line.values - band.baseline, numbers.n_features_seed_std)
    # The means are 1.1 / 3 and 1.9 / 3: apart by 0.8 / 3, so their standard deviation is that over sqrt(2).
    assert around_mean.get_width() == pytest.approx(2 * 0.8 / 3 / np.sqrt(2))


def test_learning_curves_and_quantiles_have_a_band_for_each_model():
    names = [f"{model}{suffix}" for model in MODELS for suffix in ("", "_seed1")]
    history = pd.DataFrame({"epoch": [1, 2], "train_loss": 2.0, "train_accuracy": 0.5, "test_accuracy": 0.4})
    losses = {name: history.assign(train_loss=[2.0, 1 + 0.1 * i]) for i, name in enumerate(names)}
    learning = learning_figure(losses, caption="")
    single = learning_figure(dict.fromkeys(MODELS, history), caption="")
    rng = np.random.default_rng(0)
    values = {(name, "0.1"): rng.gamma(3, size=30) for name in names}
    quantiles, numbers = quantiles_figure(values, models=MODELS, epsilons={"0.1": "0.1"}, caption="")
    assert [len(axes.collections) for axes in learning.axes] == [2, 2]
    assert [len(axes.collections) for axes in single.axes] == [0, 0]
    assert [len(axes.collections) for axes in quantiles.axes] == [2]
    assert len(numbers) == 60
    assert numbers.quantile_seed_std.gt(0).all()


@pytest.mark.parametrize("n", [MOST_CURVES, MOST_CURVES + 1, 30])
def test_learning_curves_of_many_models_have_a_panel_each(n: int):
    history = pd.DataFrame({"epoch": [1, 2], "train_accuracy": 0.5, "test_accuracy": 0.4})
    names = [f"model_{number}" for number in range(n)]
    histories = {name: history.assign(train_loss=[2.0, 2.0**-number]) for number, name in enumerate(names)}
    figure = learning_figure(histories, caption="settings")
    figure.draw_without_rendering()
    legend = figure.legends[0].get_window_extent()
    assert legend.height < 0.25 * figure.bbox.height
    assert 0 <= legend.x0 < legend.x1 <= figure.bbox.width
    if n > MOST_CURVES:
        panels = [axes for axes in figure.axes if axes.get_title()]
        assert [axes.get_title() for axes in panels] == names
        loss = figure.axes[-1]
        assert loss.get_ylim()[0] < 2.0 ** (1 - n), "every loss lies within the axis"
        assert loss.get_ylim()[1] > 2


def test_figure_1_with_many_epsilons_keeps_its_legend_within_the_figure(accuracy: pd.DataFrame):
    names = [f"model_{number}" for number in range(30)]
    rows = accuracy[(accuracy.model == "normal") & (accuracy.epsilon == 0)]
    epsilons = [0.02 * number for number in range(20)]
    table = pd.concat(
        rows.assign(model=name, epsilon=epsilon, epsilon_255=50 * epsilon) for name in names for epsilon in epsilons
    )
    figure = accuracy_figure(table, models=names, caption="settings")
    figure.draw_without_rendering()
    legend = figure.legends[0].get_window_extent()
    assert 0 <= legend.x0 < legend.x1 <= figure.bbox.width
    assert len(figure.legends[0].get_texts()) == 20


def test_the_tradeoff_shows_the_spread_of_both():
    summary = pd.DataFrame(
        {
            "model": ["normal"],
            "epsilon": [0.1],
            "epsilon_255": [5.0],
            "accuracy": [0.5],
            "ci_low": [0.1],
            "ci_high": [0.9],
            "sensitivity_mean": [2.0],
            "n_seeds": [3],
            "accuracy_seed_std": [0.03],
            "sensitivity_mean_seed_std": [0.25],
        }
    )
    axes = tradeoff_figure(summary, models=["normal"], caption="").axes[0]
    across, up = (bars.get_segments()[0] for bars in axes.containers[0].lines[2])
    np.testing.assert_allclose(across[:, 0], [1.75, 2.25])
    np.testing.assert_allclose(up[:, 1], [47, 53])
    below, above = accuracy_bars(summary.assign(accuracy_seed_std=np.nan))
    np.testing.assert_allclose([*below, *above], [40, 40], err_msg="a network without replicates has its interval")


def many(n: int) -> tuple[list[str], pd.DataFrame]:
    """Models of which each is less sensitive and more accurate than the last."""
    models = [f"model{number}" for number in range(n)]
    rows = [
        {
            "model": m,
            "epsilon": e,
            "epsilon_255": 50 * e,
            "accuracy": a,
            "ci_low": a,
            "ci_high": a,
            "sensitivity_mean": s,
        }
        for number, m in enumerate(models)
        for e, a, s in ((0.0, 0.9, np.nan), (0.1, number / n, 5.0 * n - number), (0.2, number / n, 9.0 * n - number))
    ]
    return models, pd.DataFrame(rows)


@pytest.mark.parametrize("n", [2, 7, 8, 30])
def test_the_tradeoff_tells_every_model_apart(n: int):
    models, summary = many(n)
    figure = tradeoff_figure(summary, models=models, caption="")
    assert len(figure.axes) == 2
    assert [text.get_text() for text in figure.legends[0].get_texts()] == models
    points = [container.lines[0] for container in figure.axes[0].containers]
    assert len({(point.get_marker(), point.get_color()) for point in points}) == n
    assert ("Spearman's $\\rho$ = -1.00 (-1.00 to" in figure.axes[0].get_title()) == (n >= 5)


def test_curves_of_many_models_differ():
    assert len({tuple(map(str, line_style(number).values())) for number in range(49)}) == 49


def test_sensitivities_of_zero_can_be_drawn():
    figure, numbers = sensitivity_figure(
        {("normal", "0.1"): np.zeros(10)}, models=["normal"], epsilons={"0.1": "0.1"}, caption=""
    )
    assert figure.axes
    assert numbers.n_features.sum() == 10


def test_a_figure_is_saved_twice_and_the_same_each_time(accuracy: pd.DataFrame, tmp_path: Path):
    first, again = tmp_path / "first/figure.svg", tmp_path / "again/figure.svg"
    for path in (first, again):
        path.parent.mkdir()
        save_figure(accuracy_figure(accuracy, models=MODELS, caption="settings"), path, accuracy)
    for suffix in (".svg", ".png"):
        assert first.with_suffix(suffix).read_bytes() == again.with_suffix(suffix).read_bytes()
    pd.testing.assert_frame_equal(pd.read_csv(first.with_suffix(".csv")), accuracy)
