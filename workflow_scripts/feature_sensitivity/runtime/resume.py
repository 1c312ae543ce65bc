"""What a long queue of rows saves beside its outputs, and continues from: finished rows and those in progress."""

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor

from feature_sensitivity.runtime.partial_results import load_partial_result, save_partial_result

SECONDS_BETWEEN_SAVES = 15.0
LARGEST_SHARE_OF_TIME = 0.05
"""Of the time that passes, at most this share is spent on saving."""

Rows = dict[str, Tensor]
"""Tensors [n, ...] by name, an entry for each of n rows; ``row`` holds their numbers, int64 [n]."""


class Saved(NamedTuple):
    """What an earlier run left: what it kept, rows that are finished, rows in progress, and its batch size."""

    kept: Mapping[str, Any]
    finished: Rows
    in_progress: Rows
    batch_size: int | None


class PartialResults:
    """A folder of partial results with one key. Without a folder nothing is saved and nothing is found."""

    def __init__(self, folder: Path | None, key: str) -> None:
        self._folder, self._key = folder, key
        self._n_files = 0
        self._next_save = time.monotonic() + SECONDS_BETWEEN_SAVES

    def load(self) -> Saved | None:
        """Return what fits the key, if anything."""
        if self._folder is None:
            return None
        kept = load_partial_result(self._folder / "kept.pt", self._key)
        if kept is None:
            for file in self._folder.glob("*.pt"):  # of another run: nothing there fits any more
                file.unlink()
            return None
        parts: list[Rows] = []
        while (part := load_partial_result(self._finished_file(len(parts)), self._key)) is not None:
            parts.append(part["rows"])
        self._n_files = len(parts)
        finished = {name: torch.cat([part[name] for part in parts]) for name in parts[0]} if parts else {}
        state = load_partial_result(self._folder / "in_progress.pt", self._key) or {"rows": {}, "batch_size": None}
        return Saved(kept["kept"], finished, state["rows"], state["batch_size"])

    def keep(self, kept: Mapping[str, Any]) -> None:
        """Save, before any rows, what they are computed from and another processor might round differently."""
        if self._folder is not None:
            save_partial_result(self._folder / "kept.pt", self._key, {"kept": dict(kept)})

    @property
    def is_due(self) -> bool:
        """Whether it is time to save again."""
        return self._folder is not None and time.monotonic() >= self._next_save

    def save(self, newly_finished: Sequence[Rows], in_progress: Rows | None, *, batch_size: int) -> None:
        """Add the newly finished rows, then replace those in progress, or leave them as they are where None is given.

        A kill between the two leaves rows that are both; they count as finished.
        """
        if self._folder is None:
            return
        started = time.monotonic()
        if newly_finished:
            rows = {name: torch.cat([part[name] for part in newly_finished]) for name in newly_finished[0]}
            save_partial_result(self._finished_file(self._n_files), self._key, {"rows": rows})
            self._n_files += 1
        if in_progress is not None:
            content = {"rows": in_progress, "batch_size": batch_size}
            save_partial_result(self._folder / "in_progress.pt", self._key, content)
        ended = time.monotonic()
        self._next_save = ended + max(SECONDS_BETWEEN_SAVES, (ended - started) / LARGEST_SHARE_OF_TIME)

    def _finished_file(self, number: int) -> Path:
        assert self._folder is not None
        return self._folder / f"finished_{number:05d}.pt"
