"""Interrupting a run of rows again and again until it is done."""

from collections.abc import Callable
from typing import TypeVar

import pytest

from feature_sensitivity.runtime.console import Progress

T = TypeVar("T")


def interrupted_until_done(work: Callable[[], T], monkeypatch: pytest.MonkeyPatch, *, every: int) -> tuple[T, int]:
    """Call ``work``, with a Ctrl-C at each ``every``-th report of progress, until it returns; return also how many."""
    show, shown, interruptions = Progress.advance, [], 0

    def show_or_die(*arguments):
        shown.append(1)
        if len(shown) % every == 0:
            raise KeyboardInterrupt
        show(*arguments)

    monkeypatch.setattr(Progress, "advance", show_or_die)
    while True:
        try:
            return work(), interruptions
        except KeyboardInterrupt:
            interruptions += 1
