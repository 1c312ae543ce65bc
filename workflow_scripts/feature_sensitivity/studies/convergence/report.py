"""Convergence of the attack: table, answer, figure."""

from collections.abc import Sequence
from itertools import product

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from feature_sensitivity.config.protocols import PROTOCOLS
from feature_sensitivity.config.units import in_both_units, own_unit
from feature_sensitivity.reporting.style import add_legend, line_style, protocol_number
from feature_sensitivity.studies.convergence.attacks import CONSTANT, DECREASING
from feature_sensitivity.studies.study import ENDS, Study, epsilons, percent, percents

CURVES = {CONSTANT: ("constant steps", "paper"), DECREASING: ("decreasing steps", "fast")}
"""The label of each curve, and the protocol with steps of its kind, whose colour it has."""

TICKS = (5, 10, 20, 50, 100, 200, 500, 1000)


def table(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the share of the best known movement that each protocol reaches, a row for each model and epsilon."""
    shown = frame.assign(shown=percents(frame, "share_of_best"), epsilon=epsilons(frame))
    keys = ["model", "epsilon"]
    rows = shown.drop_duplicates(keys)[keys]
    for name in PROTOCOLS:
        column = f"{name}, % of the best known"
        rows = rows.merge(shown[shown.attack == name][[*keys, "shown"]].rename(columns={"shown": column}), on=keys)
    return rows


def answer(frame: pd.DataFrame) -> str:
    """Return the range of the shares that each protocol reaches."""
    parts = []
    for name in PROTOCOLS:
        rows = frame[frame.attack == name]
        least = rows.sort_values("share_of_best").iloc[0]
        parts.append(
            f"{name} ({rows.gradient_evaluations.iloc[0]} gradient evaluations) {percent(rows.share_of_best.min())} to "
            f"{percent(rows.share_of_best.max())} %, least for {least.model} at epsilon {own_unit(least.to_dict())}"
        )
    return f"Of the best known mean movement the protocols reach, over models and epsilons: {'; '.join(parts)}."


def draw(frame: pd.DataFrame, models: Sequence[str]) -> Figure:
    """Draw mean movement relative to the paper's against gradient evaluations, a panel for each model and epsilon.

    A row has the epsilons of a model, all panels of an epsilon one scale; with a single epsilon it has two models.
    """
    epsilons = sorted(frame.epsilon.unique())
    columns = len(epsilons) if len(epsilons) > 1 else min(2, len(models))
    n_panels = len(models) * len(epsilons)
    n_rows = -(-n_panels // columns)
    figure = Figure(figsize=(max(2.4 * columns + 0.4, 5.0), 2.0 * n_rows + 1.1), layout="constrained")
    grid = figure.subplots(n_rows, columns, squeeze=False, sharex=True, sharey="col" if len(epsilons) > 1 else True)
    for axes, (model, epsilon) in zip(grid.flat, product(models, epsilons), strict=False):
        rows = frame[(frame.model == model) & (frame.epsilon == epsilon)]
        _draw(axes, rows)
        axes.set_title(f"{model}, $\\epsilon$ = {in_both_units(rows.to_dict('records'))}", fontsize=8)
    for axes in grid.flat[n_panels:]:
        axes.set_visible(False)
    ticks = [n for n in TICKS if frame.gradient_evaluations.min() <= n <= _curves(frame).gradient_evaluations.max()]
    for axes in grid.flat[n_panels - columns : n_panels]:
        axes.set_xticks(ticks, [str(n) for n in ticks])
        axes.xaxis.set_minor_locator(NullLocator())
        axes.tick_params(labelbottom=True)
        axes.set_xlabel("gradient evaluations")
    figure.supylabel("mean movement, relative to the paper's protocol", fontsize=9)
    add_legend(figure, grid[0, 0], title="attack", columns=None if len(epsilons) > 2 else 3)
    return figure


def _draw(axes: Axes, rows: pd.DataFrame) -> None:
    """Draw a panel: two curves, a marker for each protocol, and a line at the best known movement."""
    paper = rows[rows.attack == "paper"].mean_movement.iloc[0]
    best = (rows.mean_movement / rows.share_of_best).median()
    for name, (label, like) in CURVES.items():
        curve = rows[rows.attack == name].sort_values("gradient_evaluations")
        style = {**line_style(protocol_number(like)), "marker": "."}
        axes.plot(curve.gradient_evaluations, curve.mean_movement / paper, label=label, **style)
    for name in PROTOCOLS:
        point = rows[rows.attack == name]
        style = {**line_style(protocol_number(name)), "linestyle": "", "markersize": 7, "markeredgecolor": "black"}
        axes.plot(point.gradient_evaluations, point.mean_movement / paper, label=name, zorder=3, **style)
    axes.axhline(best / paper, color="black", linestyle=":", linewidth=1, label="best known")
    axes.set_xscale("log")


def _curves(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the rows that are drawn at their cost."""
    return frame[frame.attack.isin([CONSTANT, DECREASING, *PROTOCOLS])]


STUDY = Study(
    title="Convergence of the attack",
    question="How much of what can be found does each protocol find?",
    table=table,
    answer=answer,
    draw=draw,
    texts=("model", "attack"),
    numbers=("epsilon", "epsilon_255", "steps", "gradient_evaluations", "mean_movement", "share_of_best", *ENDS),
)
