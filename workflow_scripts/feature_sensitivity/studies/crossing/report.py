"""The crossing of two models: table, answer, figure."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from numpy.typing import NDArray

from feature_sensitivity.analysis.run import NORMAL, ROBUST
from feature_sensitivity.reporting.style import STYLE, _curve, add_caption


def crossing_table(frame: pd.DataFrame) -> pd.DataFrame:
    """Mean sensitivities and their ratio."""
    return pd.DataFrame(
        {
            "epsilon": [f"{epsilon:g}" for epsilon in frame.epsilon],
            NORMAL: [f"{value:.4g}" for value in frame[NORMAL]],
            ROBUST: [f"{value:.4g}" for value in frame[ROBUST]],
            "ratio": [
                f"{value:.3f} ({low:.3f}-{high:.3f})"
                for value, low, high in zip(frame.ratio, frame.ci_low, frame.ci_high, strict=True)
            ],
        }
    )


def crossings(epsilon: NDArray[np.floating], ratio: NDArray[np.floating]) -> list[float]:
    """Where the ratio passes 1, interpolated linearly in its logarithm between grid points."""
    height, found = np.log(ratio), []
    for before, after, left, right in zip(epsilon[:-1], epsilon[1:], height[:-1], height[1:], strict=True):
        if left * right < 0:
            found.append(float(before + (after - before) * left / (left - right)))
    return found


def crossing_answer(frame: pd.DataFrame) -> str:
    """Where the two models cross."""
    found = crossings(frame.epsilon.to_numpy(), frame.ratio.to_numpy())
    if found:
        places = ", ".join(f"{epsilon:.3g}" for epsilon in found)
        return f"The mean sensitivities of {NORMAL} and {ROBUST} cross at epsilon {places}."
    more = NORMAL if frame.ratio.iloc[0] > 1 else ROBUST
    ends = f"{frame.epsilon.min():g} and {frame.epsilon.max():g}"
    return f"They do not cross between {ends}: {more} is the more sensitive one throughout."


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
