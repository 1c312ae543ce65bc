"""The crossing of two models: table, answer, figure."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from feature_sensitivity.config.models import NORMAL, ROBUST
from feature_sensitivity.config.units import own_unit, unit_of
from feature_sensitivity.reporting.epsilon_axes import axis_positions, label_epsilon_axis
from feature_sensitivity.reporting.style import single_panel
from feature_sensitivity.studies.study import Study, curve, epsilons, with_intervals


def table(frame: pd.DataFrame) -> pd.DataFrame:
    """Return mean sensitivities and their ratio."""
    return pd.DataFrame(
        {
            "epsilon": epsilons(frame),
            NORMAL: [f"{value:.4g}" for value in frame[NORMAL]],
            ROBUST: [f"{value:.4g}" for value in frame[ROBUST]],
            "ratio": with_intervals(frame, "ratio", form=".3f"),
        }
    )


def crossings(epsilon: NDArray[np.floating], ratio: NDArray[np.floating]) -> list[float]:
    """Return where the ratio is or passes 1, interpolated linearly in its logarithm between grid points."""
    height = np.log(ratio)
    found = [float(at) for at, value in zip(epsilon, height, strict=True) if value == 0]
    for before, after, left, right in zip(epsilon[:-1], epsilon[1:], height[:-1], height[1:], strict=True):
        if left * right < 0:
            found.append(float(before + (after - before) * left / (left - right)))
    return sorted(found)


def possible(frame: pd.DataFrame) -> tuple[float, float] | None:
    """Return between which epsilons the ratio may be 1, at 95 %: where its interval contains 1 (Fieller 1954).

    An end of the grid is an end of the range where the interval contains 1 there. None where it nowhere does.
    """
    epsilon = axis_positions(frame).to_numpy()
    ends = [crossings(epsilon, frame[end].to_numpy()) for end in ("ci_low", "ci_high")]
    inside = epsilon[((frame.ci_low <= 1) & (frame.ci_high >= 1)).to_numpy()]
    places = [*ends[0], *ends[1], *inside]
    return (float(min(places)), float(max(places))) if places else None


def answer(frame: pd.DataFrame) -> str:
    """Return where the two models cross."""
    found = crossings(axis_positions(frame).to_numpy(), frame.ratio.to_numpy())
    unit = " in 255ths of the pixel range" if unit_of(frame) == "pixel" else ""
    if within := possible(frame):
        range_text = f"between {within[0]:.3g} and {within[1]:.3g}{unit}"
    if found:
        places = ", ".join(f"{epsilon:.3g}" for epsilon in found)
        sentence = f"The mean sensitivities of {NORMAL} and {ROBUST} cross at epsilon {places}{unit}"
        return f"{sentence}; at 95 % a ratio of 1 is possible {range_text}." if within else f"{sentence}."
    more = NORMAL if frame.ratio.iloc[0] > 1 else ROBUST
    rows = frame.sort_values("epsilon").to_dict("records")
    ends = f"{own_unit(rows[0])} and {own_unit(rows[-1])}"
    sentence = f"They do not cross between {ends}: {more} is the more sensitive one throughout"
    return f"{sentence}, though at 95 % a ratio of 1 is possible {range_text}." if within else f"{sentence}."


def draw(frame: pd.DataFrame, models: Sequence[str]) -> Figure:
    """Draw the ratio of the two mean sensitivities against epsilon."""
    figure, axes = single_panel(5.2, 3.6)
    curve(axes, frame, "ratio", number=0, label=f"{NORMAL} / {ROBUST}")
    axes.axhline(1, color="black", linewidth=0.8)
    label_epsilon_axis(axes, frame)
    axes.set_ylabel(f"mean sensitivity, {NORMAL} / {ROBUST}")
    return figure


STUDY = Study(
    title="The crossing of normal and robust_dataset",
    question="At which epsilon does robust_dataset become more sensitive than normal?",
    table=table,
    answer=answer,
    draw=draw,
    texts=(),
    numbers=("epsilon", "normal", "robust_dataset", "ratio", "ci_low", "ci_high"),
)
