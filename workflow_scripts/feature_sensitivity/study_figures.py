"""The figures of the studies; each takes the study's CSV, the models in order, and a caption with the settings."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from feature_sensitivity.figures import STYLE, add_caption, add_legend, panel_grid, sign


def _curve(axes: Axes, x: pd.Series, y: pd.Series, low: pd.Series, high: pd.Series, number: int, label: str) -> None:
    """A line with markers and error bars, in the style of the model with this number."""
    errors = ((y - low).clip(lower=0), (high - y).clip(lower=0))
    axes.errorbar(x, y, yerr=errors, label=label, **sign(number), capsize=2, markersize=4)


def plot_definitions(frame: pd.DataFrame, *, models: Sequence[str], caption: str) -> Figure:
    """The share of checks that hold, a row for each definition and a column for each claim, with the verdicts."""
    names = frame.definition + ", " + frame.weight_normalization
    rows, columns = list(dict.fromkeys(names)), sorted(frame.claim.unique())
    with plt.rc_context({**STYLE, "axes.grid": False}):
        figure, axes = plt.subplots(figsize=(7.2, 0.34 * len(rows) + 1.5), layout="constrained")
        shares = np.full((len(rows), len(columns)), np.nan)
        for name, row in zip(names, frame.to_dict("records"), strict=True):
            place = rows.index(name), columns.index(row["claim"])
            shares[place] = row["n_hold"] / row["n_checks"] if row["n_checks"] else np.nan
            color = "white" if shares[place] > 0.6 else "black"
            axes.text(*place[::-1], row["verdict"], ha="center", va="center", color=color, size=7)
        image = axes.imshow(shares, cmap="cividis_r", vmin=0, vmax=1, aspect="auto")
        axes.set_xticks(range(len(columns)), columns)
        axes.set_yticks(range(len(rows)), rows)
        axes.set_ylabel("definition, weights")
        figure.colorbar(image, label="share of numbers that agree")
        add_caption(figure, caption)
    return figure


def plot_theorem(frame: pd.DataFrame, *, models: Sequence[str], caption: str) -> Figure:
    """Attacked error and bounds in percent against epsilon, a panel for each model."""
    with plt.rc_context(STYLE):
        figure, panels = panel_grid(len(models))
        for model, axes in zip(models, panels, strict=True):
            rows = frame[frame.model == model].sort_values("epsilon")
            _curve(
                *(axes, rows.epsilon, 100 * rows.attacked_error, 100 * rows.ci_low, 100 * rows.ci_high),
                *(0, "error under attack"),
            )
            estimates = (("pointwise", "pointwise"), ("classes", "K classes"), ("pairs", "two classes, mean of pairs"))
            for number, (column, label) in enumerate(estimates, start=1):
                axes.plot(rows.epsilon, 100 * rows[column], label=label, **sign(number), markersize=4)
            axes.set_title(model, fontsize=9)
            axes.set_xlabel("$\\epsilon$, standardized units")
            axes.set_ylabel("error (%)")
            axes.set_ylim(-3, 103)
        add_legend(figure, panels[0], title="estimates, not certificates", columns=2)
        add_caption(figure, caption)
    return figure


def plot_convergence(frame: pd.DataFrame, *, models: Sequence[str], caption: str) -> Figure:
    """The share of the best known movement against steps, and against random starts."""
    with plt.rc_context(STYLE):
        figure, panels = panel_grid(2)
        for axes, varied in zip(panels, ("steps", "starts"), strict=True):
            part = frame[frame.varied == varied]
            for number, model in enumerate(models):
                rows = part[part.model == model].sort_values(varied)
                _curve(
                    *(axes, rows[varied], 100 * rows.share_of_best, 100 * rows.ci_low, 100 * rows.ci_high),
                    *(number, model),
                )
            axes.set_xscale("log")
            ticks = [n for n in (1, 2, 5, 10, 20, 50, 100, 200, 500) if part[varied].min() <= n <= part[varied].max()]
            axes.set_xticks(ticks, [str(n) for n in ticks])
            axes.xaxis.set_minor_locator(NullLocator())
            axes.set_ylabel("% of the best known")
        panels[0].set_xlabel("steps, from one random start")
        panels[1].set_xlabel(f"random starts, {frame[frame.varied == 'starts'].steps.iloc[0]} steps each")
        add_legend(figure, panels[0])
        add_caption(figure, caption)
    return figure


def plot_relinear(frame: pd.DataFrame, *, models: Sequence[str], caption: str) -> Figure:
    """Accuracy of each linear layer, without and under attack."""
    heads = list(dict.fromkeys(frame["head"]))[::-1]
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(6.0, 0.34 * len(heads) + 1.5), layout="constrained")
        for number, (epsilon, rows) in enumerate(frame.groupby("epsilon")):
            places = [heads.index(head) for head in rows["head"]]
            errors = (rows.accuracy - rows.ci_low).clip(lower=0), (rows.ci_high - rows.accuracy).clip(lower=0)
            label = "without attack" if epsilon == 0 else f"$\\epsilon$ = {epsilon:g}"
            style = {**sign(number), "linestyle": ""}
            axes.errorbar(
                100 * rows.accuracy, places, xerr=(100 * errors[0], 100 * errors[1]), label=label, **style, capsize=2
            )
        axes.set_yticks(range(len(heads)), heads)
        axes.set_ylabel("linear layer")
        axes.set_xlabel("accuracy (%)")
        axes.set_xlim(-3, 103)
        figure.legend(loc="outside upper center", ncols=2)
        add_caption(figure, caption)
    return figure


def plot_norms(frame: pd.DataFrame, *, models: Sequence[str], caption: str) -> Figure:
    """Accuracy and mean sensitivity against epsilon, a column for each norm."""
    norms = list(dict.fromkeys(frame.norm))
    with plt.rc_context(STYLE):
        figure, panels = panel_grid(2 * len(norms))
        for column, norm in enumerate(norms):
            accuracy, sensitivity = panels[column], panels[len(norms) + column]
            for number, model in enumerate(models):
                rows = frame[(frame.norm == norm) & (frame.model == model)].sort_values("epsilon")
                _curve(
                    *(accuracy, rows.epsilon, 100 * rows.accuracy, 100 * rows.ci_low, 100 * rows.ci_high),
                    *(number, model),
                )
                _curve(
                    *(sensitivity, rows.epsilon, rows.sensitivity, rows.sensitivity_low, rows.sensitivity_high),
                    *(number, model),
                )
            accuracy.set_title(norm, fontsize=9)
            accuracy.set_ylim(-3, 103)
            accuracy.set_ylabel("accuracy under attack (%)")
            sensitivity.set_ylim(bottom=0)
            sensitivity.set_ylabel("mean sensitivity")
            for axes in (accuracy, sensitivity):
                axes.set_xlabel(f"{norm} $\\epsilon$, standardized units")
        add_legend(figure, panels[0])
        add_caption(figure, caption)
    return figure


def plot_crossing(frame: pd.DataFrame, *, models: Sequence[str], caption: str) -> Figure:
    """The ratio of the two mean sensitivities against epsilon."""
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(5.2, 3.6), layout="constrained")
        _curve(axes, frame.epsilon, frame.ratio, frame.ci_low, frame.ci_high, 0, "normal / robust_dataset")
        axes.axhline(1, color="black", linewidth=0.8)
        axes.set_xlabel("$\\epsilon$, standardized units")
        axes.set_ylabel("mean sensitivity, normal / robust_dataset")
        add_caption(figure, caption)
    return figure
