"""How the report of a study is put together."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from feature_sensitivity.config.units import in_both_units
from feature_sensitivity.reporting.documents import Block, Document, Note
from feature_sensitivity.reporting.epsilon_axes import axis_positions
from feature_sensitivity.reporting.style import STYLE, add_caption, draw_curve
from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.runtime.identity import ADVICE
from feature_sensitivity.studies.plan import Row

NOTHING = "No numbers: the log of the rule that measures them says what this run's networks lack for it."
"""In place of the answer, where a table has no rows."""

ENDS = ("ci_low", "ci_high")
"""Columns with the ends of intervals."""


@dataclass(frozen=True, kw_only=True)
class Study:
    """``table``, ``answer`` and ``draw`` take the study's CSV; ``draw`` also the models in order.

    ``texts`` and ``numbers`` are the columns of the CSV that they use. ``may_be_empty``: it has
    no rows where a network lacks what the study needs. ``details`` follow the table.
    """

    title: str
    question: str
    table: Callable[[pd.DataFrame], pd.DataFrame]
    answer: Callable[[pd.DataFrame], str]
    draw: Callable[[pd.DataFrame, Sequence[str]], Figure]
    texts: Sequence[str]
    numbers: Sequence[str]
    may_be_empty: bool = False
    details: Callable[[pd.DataFrame], Iterable[Block]] = lambda frame: ()

    def figure(self, frame: pd.DataFrame, *, models: Sequence[str], caption: str) -> Figure:
        """Return the figure with its caption."""
        with mpl.rc_context(STYLE):
            figure = self.draw(frame, models)
            add_caption(figure, caption)
        return figure

    def document(self, frame: pd.DataFrame, *, protocol: str) -> Document:
        """Return the question, the answer and the table; ``protocol`` states the settings."""
        found: list[Block] = [f"**{NOTHING}**"]
        if len(frame):
            found = [f"**{self.answer(frame)}**", self.table(frame), *self.details(frame)]
        return Document(self.title, [self.question, *found, Note(protocol)])


def check_rows(table: pd.DataFrame, columns: Sequence[str], expected: Iterable[Row], *, path: Path) -> None:
    """Raise :class:`UserError` when a table, which ``path`` holds, has not each expected row once.

    So neither a part of it nor another run's is taken for it. ``columns``: those that name a row.
    """
    found = [_spelled(row) for row in table[list(columns)].itertuples(index=False)]
    if sorted(found) != sorted(map(_spelled, expected)):
        raise UserError(f"{path} has other rows than this run's; {ADVICE}")


def _spelled(row: Iterable[str | float]) -> tuple[str, ...]:
    """Return the values as texts, so that numbers which were read are those that were written."""
    return tuple(value if isinstance(value, str) else "" if pd.isna(value) else f"{value:.9g}" for value in row)


def percent(share: float) -> str:
    """Return a share in percent."""
    return f"{100 * share:.1f}"


def percents(frame: pd.DataFrame, share: str) -> list[str]:
    """Return a column of shares in percent, with their intervals."""
    return with_intervals(frame, share, form=".1f", scale=100)


def with_intervals(
    frame: pd.DataFrame, column: str, *, ends: Sequence[str] = ENDS, form: str, scale: float = 1
) -> list[str]:
    """Return a column of numbers as text, with the intervals whose ends are in two other columns."""
    rows = (scale * frame[[column, *ends]]).to_numpy()
    return [f"{value:{form}} ({low:{form}}-{high:{form}})" for value, low, high in rows]


def epsilons(frame: pd.DataFrame) -> list[str]:
    """Return the epsilon of each row in both units."""
    return [in_both_units([row]) for row in frame.to_dict("records")]


def curve(
    axes: Axes,
    rows: pd.DataFrame,
    column: str,
    *,
    number: int,
    label: str,
    ends: Sequence[str] = ENDS,
    scale: float = 1,
) -> None:
    """Draw a column of numbers against epsilon, with the intervals whose ends are in two other columns."""
    rows = rows.sort_values("epsilon")
    y, low, high = (scale * rows[name] for name in (column, *ends))
    draw_curve(axes, x=axis_positions(rows), y=y, low=low, high=high, number=number, label=label)
