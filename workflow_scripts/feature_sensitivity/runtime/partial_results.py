"""What a long job saves beside its outputs, so that the same command continues after an interruption.

A partial result carries a key made of everything that its content depends on. One with another key, or a damaged one,
is set aside with a message and never used. Each begins with a mark: a file without it is somebody else's, and is
neither read, nor replaced, nor deleted.
"""

import hashlib
import io
import logging
import os
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from feature_sensitivity.runtime.code_closure import source_files
from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.runtime.files import sha256_of_settings, write_whole
from feature_sensitivity.runtime.tensor_files import load_tensors

logger = logging.getLogger(__name__)

T = TypeVar("T")

MARK = b"feature_sensitivity: partial result\n"
DIGEST_SIZE = hashlib.sha256().digest_size

FILES_OF_A_FOLDER = re.compile(r"(kept|in_progress|finished_\d{5})\.pt(\.damaged|\.other)?")
TEMPORARY_FILES = re.compile(r"\.(kept|in_progress|finished_\d{5})\.pt\.\d+\.tmp")

SECONDS_BETWEEN_SAVES = 15.0
LARGEST_SHARE_OF_TIME = 0.05
"""Of the time that passes, at most this share is spent on saving."""

Rows = dict[str, Tensor]
"""Tensors [n, ...] by name, an entry for each of n rows; ``row`` holds their numbers, int64 [n]."""


def partial_result_key(*parts: Any, code: Path) -> str:
    """Return a key for settings, arrays, torch and the source of the module ``code`` with all that it imports."""
    digest = hashlib.sha256(torch.__version__.encode())
    for part in parts:
        if isinstance(part, np.ndarray | torch.Tensor):
            digest.update(np.ascontiguousarray(part).tobytes())
        else:
            settings = asdict(part) if is_dataclass(part) and not isinstance(part, type) else part
            digest.update(sha256_of_settings({"": settings}).encode())
    for file in source_files(code):
        digest.update(file.read_bytes())
    return digest.hexdigest()


def save_partial_result(path: Path, key: str, content: Mapping[str, Any]) -> None:
    """Write tensors and plain builtins, whole or not at all."""
    buffer = io.BytesIO()
    torch.save({"key": key, **content}, buffer)
    written = buffer.getvalue()
    write_whole(path, MARK + hashlib.sha256(written).digest() + written)


def load_partial_result(path: Path, key: str) -> dict[str, Any] | None:
    """Return the content of an undamaged partial result with this key, else None.

    Raises :class:`UserError` when a file in its place, or in that where it is set aside, was not written by
    :func:`save_partial_result`.
    """
    if not os.path.lexists(path):
        return None
    _require_partial_result(path)
    content_bytes = path.read_bytes()[len(MARK) :]
    checksum, written = content_bytes[:DIGEST_SIZE], content_bytes[DIGEST_SIZE:]
    damaged = hashlib.sha256(written).digest() != checksum
    if not damaged:
        content = load_tensors(io.BytesIO(written), where=str(path), advice="delete it")
        if isinstance(content, dict) and content.get("key") == key:
            return content
    aside = path.with_name(f"{path.name}.{'damaged' if damaged else 'other'}")
    if os.path.lexists(aside):
        _require_partial_result(aside)
    path.replace(aside)
    reason = "is damaged" if damaged else "belongs to other settings, data or code"
    logger.warning("%s %s; set aside as %s, starting again", path, reason, aside.name)
    return None


def is_partial_result(path: Path) -> bool:
    """Return whether this is a file, and no link, that begins with the mark of a partial result."""
    return not path.is_symlink() and path.is_file() and _head(path) == MARK


def _require_partial_result(path: Path) -> None:
    if not is_partial_result(path):
        raise UserError(f"{path} is in the way of unfinished work, which is to be saved there; move it elsewhere")


def _head(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(len(MARK))


def delete_partial_results(folder: Path) -> bool:
    """Delete the partial results in a folder and its subfolders, and the folders that this empties.

    Returns whether there were any. Other files and folders stay, and links are not followed.
    """
    if folder.is_symlink() or not folder.is_dir():
        return False
    deleted = False
    for path in folder.iterdir():
        if _is_of_a_folder(path):
            path.unlink()
            deleted = True
        else:
            deleted |= delete_partial_results(path)
    if deleted and not any(folder.iterdir()):
        folder.rmdir()
    return deleted


def _is_of_a_folder(path: Path) -> bool:
    """Return whether :class:`PartialResults` has written this file, or began to when it was killed."""
    if FILES_OF_A_FOLDER.fullmatch(path.name):
        return is_partial_result(path)
    is_temporary = TEMPORARY_FILES.fullmatch(path.name) and not path.is_symlink() and path.is_file()
    return bool(is_temporary) and MARK.startswith(_head(path))


class PartialResults:
    """A folder of partial results of a queue of rows, with one key. Without a folder nothing is saved or found.

    Attributes:
        finished: the rows that an earlier run finished, ``in_progress`` those that it had begun, with their states.
        batch_size: that of the earlier run, if it had begun rows.

    Raises:
        UserError: the folder cannot be written to, or holds something else than partial results.
    """

    def __init__(self, folder: Path | None = None, key: str = "") -> None:
        self._folder, self._key = folder, key
        self._n_files = 0
        self._next_save = time.monotonic() + SECONDS_BETWEEN_SAVES
        self._kept: dict[str, Any] = {}
        self.finished: Rows = {}
        self.in_progress: Rows = {}
        self.batch_size: int | None = None
        if folder is not None:
            _require_own_folder(folder)
            self._load(folder)

    def _load(self, folder: Path) -> None:
        kept = load_partial_result(folder / "kept.pt", self._key)
        if kept is None:
            for path in folder.glob("*.pt"):  # of another run: nothing there fits any more
                if _is_of_a_folder(path):
                    path.unlink()
            return
        self._kept = kept["kept"]
        parts: list[Rows] = []
        while (part := load_partial_result(_finished_file(folder, len(parts)), self._key)) is not None:
            parts.append(part["rows"])
        self._n_files = len(parts)
        self.finished = _joined(parts)
        if begun := load_partial_result(folder / "in_progress.pt", self._key):
            self.in_progress, self.batch_size = begun["rows"], begun["batch_size"]

    def keep(self, name: str, compute: Callable[[], T]) -> T:
        """Return tensors on the CPU that rows are computed from: as an earlier run kept them, or computed and kept.

        Another processor might round them differently than what began from them.
        """
        if name not in self._kept:
            self._kept[name] = compute()
            if self._folder is not None:
                save_partial_result(self._folder / "kept.pt", self._key, {"kept": self._kept})
        kept: T = self._kept[name]
        return kept

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
            content = {"rows": _joined(newly_finished)}
            save_partial_result(_finished_file(self._folder, self._n_files), self._key, content)
            self._n_files += 1
        if in_progress is not None:
            begun = {"rows": in_progress, "batch_size": batch_size}
            save_partial_result(self._folder / "in_progress.pt", self._key, begun)
        ended = time.monotonic()
        self._next_save = ended + max(SECONDS_BETWEEN_SAVES, (ended - started) / LARGEST_SHARE_OF_TIME)


def _finished_file(folder: Path, number: int) -> Path:
    return folder / f"finished_{number:05d}.pt"


def _joined(parts: Sequence[Rows]) -> Rows:
    return {name: torch.cat([part[name] for part in parts]) for name in parts[0]} if parts else {}


def _require_own_folder(folder: Path) -> None:
    if folder == Path():
        raise UserError("the folder of unfinished work is the current folder; write the path of one of its own")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        others = [path.name for path in folder.iterdir() if not _is_of_a_folder(path)]
    except (OSError, ValueError) as error:  # a ValueError for characters that no path can have
        reason = f"the folder of unfinished work, {str(folder)!r}, cannot be used ({error}); write another"
        raise UserError(reason) from error
    if others:
        raise UserError(
            f"the folder of unfinished work, {folder}, also holds {min(others)!r}, which is no unfinished work; write "
            "the path of a folder of its own"
        )
    if not os.access(folder, os.W_OK):
        raise UserError(f"the folder of unfinished work, {folder}, cannot be written to; write another")
