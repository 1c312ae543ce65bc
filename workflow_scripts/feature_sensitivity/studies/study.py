"""How the report of a study is put together."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from matplotlib.figure import Figure

from feature_sensitivity.analysis.tables import ADVICE
from feature_sensitivity.reporting.documents import Block, Document, Note
from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.studies.plan import Row

NOTHING = "No numbers: the log of the rule that measures them says what this run's networks lack for it."
"""In place of the answer, where a table has no rows."""


@dataclass(frozen=True, kw_only=True)
class Study:
    """``table``, ``answer`` and ``figure`` take the study's CSV; ``figure`` also the models in order and a caption.

    ``texts`` and ``numbers`` are the columns of the CSV that they use. ``may_be_empty``: it has
    no rows where a network lacks what the study needs. ``details`` follow the table.
    """

    title: str
    question: str
    table: Callable[[pd.DataFrame], pd.DataFrame]
    answer: Callable[[pd.DataFrame], str]
    figure: Callable[..., Figure]
    texts: Sequence[str]
    numbers: Sequence[str]
    may_be_empty: bool = False
    details: Callable[[pd.DataFrame], Iterable[Block]] = lambda frame: ()

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
    """Return a column of shares in percent, with the intervals of the columns ``ci_low`` and ``ci_high``."""
    return [
        f"{percent(value)} ({percent(low)}-{percent(high)})"
        for value, low, high in zip(frame[share], frame.ci_low, frame.ci_high, strict=True)
    ]
