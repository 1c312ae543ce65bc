"""The strength of the attack: table, answer, figure."""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from feature_sensitivity.config.protocols import PROTOCOLS
from feature_sensitivity.config.units import own_unit
from feature_sensitivity.reporting.documents import Block, Heading
from feature_sensitivity.reporting.epsilon_axes import axis_positions, label_epsilon_axis
from feature_sensitivity.reporting.style import (
    add_legend,
    line_style,
    panel_grid,
    protocol_number,
)
from feature_sensitivity.studies.attack_strength.plan import ACCURACY, CLAIM, MOVEMENT, RATIO, SENSITIVITY, WEAKEST
from feature_sensitivity.studies.study import Study, curve, epsilons, percent

STRONGEST = "strong"


def table(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the verdict of every claim under each protocol."""
    claims = frame[frame.kind == CLAIM]
    return _by_protocol(claims.assign(claim=claims["name"], shown=claims.verdict), ["claim"])


def details(frame: pd.DataFrame) -> Iterator[Block]:
    """Yield a table of each kind of number, with a column for each protocol, and for Auto-PGD with the accuracies."""
    for kind in (RATIO, MOVEMENT, ACCURACY, SENSITIVITY):
        rows = frame[frame.kind == kind]
        if kind == MOVEMENT:
            rows = rows[rows.protocol != WEAKEST]  # 1 by definition
        if len(rows):
            records = rows.to_dict("records")
            shown = rows.assign(model=rows["name"], epsilon=epsilons(rows), shown=[_shown(row) for row in records])
            yield Heading(f"{kind[0].upper()}{kind[1:]}")
            yield _by_protocol(shown, ["model", "epsilon"])


def _by_protocol(shown: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """Return column ``shown`` as text in a column for each protocol, with rows in the order of ``shown``."""
    column = shown.set_index([*keys, "protocol"]).shown
    return column.unstack("protocol", fill_value="", sort=False).rename_axis(columns=None).reset_index()


def _shown(row: Mapping[Any, Any]) -> str:
    if row["kind"] == ACCURACY:
        return f"{percent(row['value'])} ({percent(row['ci_low'])}-{percent(row['ci_high'])}) %"
    return _with_interval(row)


def _with_interval(row: Mapping[Any, Any]) -> str:
    """Return a number and its interval with as many decimals as give the number three digits."""
    value = row["value"]
    decimals = max(0, 2 - math.floor(math.log10(abs(value)))) if value and math.isfinite(value) else 2
    return f"{value:.{decimals}f} ({row['ci_low']:.{decimals}f}-{row['ci_high']:.{decimals}f})"


def answer(frame: pd.DataFrame) -> str:
    """Return the claims whose verdict depends on the protocol, and the crossing at the largest epsilon."""
    return f"{_changed_claims(frame)} {_ratio_at_the_largest_epsilon(frame)}".strip()


def _changed_claims(frame: pd.DataFrame) -> str:
    changed = []
    for name, rows in frame[frame.kind == CLAIM].groupby("name"):
        if rows.verdict.nunique() > 1:
            changed.append(f"{name} ({', '.join(f'{row.protocol}: {row.verdict}' for row in rows.itertuples())})")
    if not changed:
        return "No claim's verdict depends on the protocol."
    return f"The verdict depends on the protocol for {'; '.join(changed)}."


def _ratio_at_the_largest_epsilon(frame: pd.DataFrame) -> str:
    ratios = frame[frame.kind == RATIO]
    if ratios.empty:
        return ""
    last = ratios[ratios.epsilon == ratios.epsilon.max()]
    parts = [f"{row['protocol']} {_with_interval(row)}" for row in last.to_dict("records")]
    first = last.iloc[0].to_dict()
    return f"At epsilon {own_unit(first)} the mean sensitivities of {first['name']} are: {', '.join(parts)}."


def draw(frame: pd.DataFrame, models: Sequence[str]) -> Figure:
    """Draw the ratio of the crossing, movement under the strongest protocol, and accuracies, against epsilon."""
    ratios = frame[frame.kind == RATIO]
    figure, panels = panel_grid(2 if ratios.empty else 3)
    _draw_movement(panels[0], frame, models)
    _draw_accuracy(panels[1], frame, models)
    if not ratios.empty:
        _draw_ratio(panels[2], ratios)
    for axes in panels:
        label_epsilon_axis(axes, frame)
    add_legend(figure, panels[0])
    return figure


def _draw_movement(axes: Axes, frame: pd.DataFrame, models: Sequence[str]) -> None:
    rows = frame[(frame.kind == MOVEMENT) & (frame.protocol == STRONGEST)]
    for number, model in enumerate(models):
        curve(axes, rows[rows["name"] == model], "value", number=number, label=model)
    axes.axhline(1, color="black", linewidth=0.8)
    axes.set_ylabel(f"mean sensitivity, {STRONGEST} / {WEAKEST}")


def _draw_accuracy(axes: Axes, frame: pd.DataFrame, models: Sequence[str]) -> None:
    """Draw filled markers for the weakest protocol, hollow ones for the strongest, crosses for Auto-PGD."""
    rows = frame[frame.kind == ACCURACY].sort_values("epsilon")
    others = {STRONGEST: {"markerfacecolor": "white"}}
    others |= {name: {"marker": "x", "linestyle": ""} for name in rows.protocol.unique() if name not in PROTOCOLS}
    for number, model in enumerate(models):
        of_model = rows[rows["name"] == model]
        label = WEAKEST if number == 0 else "_"  # colours are the models' everywhere, so one of them stands for all
        curve(axes, of_model[of_model.protocol == WEAKEST], "value", number=number, label=label, scale=100)
        for name, look in others.items():
            points = of_model[of_model.protocol == name]
            style = {**line_style(number), "linestyle": ":", "markersize": 5, **look}
            axes.plot(axis_positions(points), 100 * points.value, label=name if number == 0 else "_", **style)
    axes.legend(fontsize=7, loc="upper right")
    axes.set_ylim(-3, 103)
    axes.set_ylabel("accuracy under attack (%)")


def _draw_ratio(axes: Axes, ratios: pd.DataFrame) -> None:
    for protocol in PROTOCOLS:
        curve(axes, ratios[ratios.protocol == protocol], "value", number=protocol_number(protocol), label=protocol)
    axes.legend(fontsize=7)
    axes.axhline(1, color="black", linewidth=0.8)
    axes.set_ylabel(f"mean sensitivity,\n{ratios['name'].iloc[0]}")


STUDY = Study(
    title="The strength of the attack",
    question="Which of the paper's conclusions survive a stronger attack?",
    table=table,
    details=details,
    answer=answer,
    draw=draw,
    texts=("protocol", "kind", "name", "verdict"),
    numbers=("epsilon", "epsilon_255", "value", "ci_low", "ci_high"),
)
