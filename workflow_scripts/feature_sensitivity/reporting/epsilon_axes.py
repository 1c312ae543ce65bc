"""Epsilons in both units, on axes and as titles of panels."""

from collections.abc import Mapping

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from feature_sensitivity.config.units import in_both_units, unit_of
from feature_sensitivity.evaluation.sensitivity_file import SensitivityFile

COLUMN = {"standardized": "epsilon", "pixel": "epsilon_255"}
"""What is drawn along an axis, by the unit of the measurements."""

OTHER_COLUMN = {"standardized": "epsilon_255", "pixel": "epsilon_standardized"}

TITLE = {"epsilon": "standardized units", "epsilon_255": "255ths of the pixel range"} | {
    "epsilon_standardized": "standardized units"
}


def axis_positions(frame: pd.DataFrame) -> pd.Series:
    """Return where the epsilons of a table stand on an axis."""
    return frame[COLUMN[unit_of(frame)]]


def axis_title(frame: pd.DataFrame) -> str:
    """Return the unit of :func:`axis_positions`."""
    return TITLE[COLUMN[unit_of(frame)]]


def label_epsilon_axis(axes: Axes, frame: pd.DataFrame, *, norm: str = "") -> None:
    """Name the unit of the x axis of ``axes``, and draw another above it for the other unit, if all models share it."""
    column, other = COLUMN[unit_of(frame)], OTHER_COLUMN[unit_of(frame)]
    axes.set_xlabel(f"{norm} $\\epsilon$, {TITLE[column]}".strip())
    factors = (frame[other] / frame[column])[frame[column] > 0].to_numpy()
    if np.allclose(factors, factors[0]):
        above = axes.secondary_xaxis("top", functions=(lambda x: x * factors[0], lambda x: x / factors[0]))
        above.set_xlabel(TITLE[other], fontsize=7)
        above.tick_params(labelsize=7)


def tick_epsilons(axes: Axes, frame: pd.DataFrame) -> None:
    """Mark every epsilon of a table on the x axis, in both units if all models share the second."""
    unit = unit_of(frame)
    column, other = COLUMN[unit], OTHER_COLUMN[unit]
    ticks = frame.groupby(column)[other].agg(["first", "nunique"])
    shared = (ticks["nunique"] == 1).all()
    second = "{:.1f}" if unit == "standardized" else "{:.3g}"
    labels = [f"{e:g}" + (f"\n{second.format(k)}" if shared else "") for e, k in ticks["first"].items()]
    axes.set_xticks(ticks.index, labels)
    both = f" above, {TITLE[other]} below" if shared else ""
    axes.set_xlabel(f"$\\epsilon$, {TITLE[column]}{both}")


def epsilon_titles(files: Mapping[tuple[str, str], SensitivityFile]) -> dict[str, str]:
    """Return each epsilon as spelled in the config, to a text with both units; keys are (replicate, epsilon)."""
    return {
        epsilon: in_both_units([file.attributes for (_, at), file in files.items() if at == epsilon], spelled=epsilon)
        for _, epsilon in files
    }
