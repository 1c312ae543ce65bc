"""Convergence of the attack: table, answer, figure."""

from collections.abc import Sequence

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from feature_sensitivity.reporting.style import STYLE, add_caption, add_legend, draw_curve, panel_grid
from feature_sensitivity.studies.study import Study, percents

STARTS_SHOWN = (1, 2, 5, 10, 20, 50, 100)


def table(frame: pd.DataFrame) -> pd.DataFrame:
    """Return shares of the best known movement in percent."""
    return pd.DataFrame(
        {
            "model": frame.model,
            "varied": frame.varied,
            "steps": frame.steps.astype(str),
            "starts": frame.starts.astype(str),
            "mean movement": [f"{value:.4g}" for value in frame.mean_movement],
            "% of the best": percents(frame, "share_of_best"),
        }
    )[(frame.varied == "steps") | frame.starts.isin(STARTS_SHOWN)]


def answer(frame: pd.DataFrame) -> str:
    """Return what the protocol's single run reaches."""
    single = frame[(frame.varied == "starts") & (frame.starts == 1)]
    parts = [
        f"{model} {share} %, spread over starts {100 * spread:.2g} %"
        for model, share, spread in zip(single.model, percents(single, "share_of_best"), single.spread, strict=True)
    ]
    return (
        f"One run of {single.steps.iloc[0]} steps reaches this share of the best known mean movement, and its mean "
        f"over the sample varies by this standard deviation from one random start to another: {'; '.join(parts)}."
    )


def figure(frame: pd.DataFrame, *, models: Sequence[str], caption: str) -> Figure:
    """Draw the share of the best known movement against steps, and against random starts."""
    with mpl.rc_context(STYLE):
        figure, panels = panel_grid(2)
        for axes, varied in zip(panels, ("steps", "starts"), strict=True):
            part = frame[frame.varied == varied]
            for number, model in enumerate(models):
                rows = part[part.model == model].sort_values(varied)
                draw_curve(
                    axes,
                    x=rows[varied],
                    y=100 * rows.share_of_best,
                    low=100 * rows.ci_low,
                    high=100 * rows.ci_high,
                    number=number,
                    label=model,
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


STUDY = Study(
    title="Convergence of the attack",
    question="Is one run of the protocol's steps enough?",
    table=table,
    answer=answer,
    figure=figure,
    texts=("model", "varied"),
    numbers=("steps", "starts", "mean_movement", "share_of_best", "ci_low", "ci_high", "spread", "epsilon"),
)
