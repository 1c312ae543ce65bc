"""Messages and progress of a long job: a bar on the terminal, plain lines in its log."""

import errno
import fcntl
import logging
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.runtime.out_of_memory import is_out_of_memory

logger = logging.getLogger("feature_sensitivity")

CHANGES_NO_RESULT = True
SECONDS_BETWEEN_LINES = 30.0

ONLY_IN_LOG = {"only_in_log": True}
"""The ``extra`` of a message that the terminal does not show."""

LINE = "{desc}: {percentage:.0f} %, {n_fmt} of {total_fmt} {unit}, {rate_fmt}, {remaining} left{postfix}"

ERASE_LINE = "\r\x1b[K"
"""What a message on a terminal begins with: the bar of another job may stand where it is written."""

# Several jobs may share a terminal, so a bar names its job as messages do.
_job_title = ""

_terminal: IO[str] | None = None
"""Held by the job whose bar the terminal shows, until its process ends."""


@contextmanager
def job(log_path: Path, title: str) -> Iterator[None]:
    """Log the block to ``log_path`` and the terminal, and end the process with status 1 if it fails.

    A :class:`UserError`, a full disk and a lack of memory are reported in one sentence. Any other error is a bug: its
    traceback goes to the log. SIGTERM, with which a scheduler announces the end, interrupts like Ctrl-C, with status
    130.
    """
    global _job_title
    _job_title = f"{title}: "
    _log_to(log_path, title)
    previous = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with logging_redirect_tqdm([logger]):  # lines appear above a progress bar
            # Whoever started this process may have held Ctrl-C back until now.
            signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
            yield
    except (UserError, OSError, MemoryError) as error:
        logger.error("%s", _sentence(error))
        sys.exit(1)
    except KeyboardInterrupt:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a second Ctrl-C finds nothing more to interrupt
        logger.error("interrupted; the same command continues from here")
        sys.exit(130)
    except Exception as error:
        if is_out_of_memory(error):
            logger.error("memory ran out; free some, or write a smaller batch_size (%s)", error)
            sys.exit(1)
        logger.exception("stopped by a bug in the program; please report it with this log", extra=ONLY_IN_LOG)
        logger.error("stopped by a bug in the program; its traceback is in %s", log_path)
        sys.exit(1)
    finally:
        signal.signal(signal.SIGTERM, previous)


def _sentence(error: UserError | OSError | MemoryError) -> str:
    """Return what an error says to the user."""
    if isinstance(error, UserError):
        return str(error)
    if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"the disk is full ({error}); make room, and run the same command again"
    return f"{type(error).__name__}: {error}"


class _LogFile(logging.FileHandler):
    """A log that misses lines when its disk is full; the terminal shows them all the same."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        """Do nothing, where logging would show a traceback."""


def _log_to(path: Path, title: str) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = _LogFile(path, mode="w")
    except OSError as error:
        sys.exit(f"{title}: the log cannot be written ({error}); make its folder writable")
    file.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%Y-%m-%d %H:%M:%S"))
    terminal = logging.StreamHandler(sys.stderr)
    start_of_line = ERASE_LINE if sys.stderr.isatty() else ""
    terminal.setFormatter(logging.Formatter(f"{start_of_line}{title}: %(message)s"))
    terminal.addFilter(lambda record: not hasattr(record, "only_in_log"))
    logger.handlers[:] = [file, terminal]
    logger.setLevel(logging.INFO)
    logger.propagate = False


def _has_terminal() -> bool:
    """Return whether stderr is a terminal, and this the first of the jobs that have a bar to show there."""
    global _terminal
    if not sys.stderr.isatty() or _terminal:
        return sys.stderr.isatty()
    folder = Path(tempfile.gettempdir()) / f"feature_sensitivity_{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        file = (folder / f"terminal_{os.fstat(sys.stderr.fileno()).st_rdev}").open("w")
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a terminal in name only, or no room for the file
        return True
    _terminal = file
    return True


class Progress:
    """Count work done, and show its share, rate and time left.

    A terminal shows a moving bar, of one job at a time; the log, and whatever has no bar, get a plain line every half
    minute.
    """

    def __init__(
        self, title: str, *, total: int, unit: str, done: int = 0, clock: Callable[[], float] = time.monotonic
    ):
        self._bar = tqdm(
            total=total,
            initial=done,
            desc=_job_title + title,
            unit=unit,
            unit_scale=True,
            dynamic_ncols=True,
            leave=False,
            disable=not _has_terminal(),
        )
        self._title, self._total, self._unit, self._first, self._done = title, total, unit, done, done
        self._clock, self._started, self._last_line = clock, clock(), clock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()

    def advance(self, n: int, note: str = "") -> None:
        """Count ``n`` more units as done; ``note`` is a remark such as the current loss."""
        self._done += n
        if note:
            self._bar.set_postfix_str(note, refresh=False)
        self._bar.update(n)
        if self._clock() - self._last_line >= SECONDS_BETWEEN_LINES:
            self._last_line = self._clock()
            bar_is_shown = not self._bar.disable
            logger.info("%s", self.line(note), extra=ONLY_IN_LOG if bar_is_shown else None)

    def line(self, note: str = "") -> str:
        """Return the plain line, such as ``training: 50 %, 30 of 60 epochs, 2.0epochs/s, 00:15 left, loss 0.31``."""
        return tqdm.format_meter(
            n=self._done,
            total=self._total,
            elapsed=self._clock() - self._started,
            initial=self._first,
            prefix=self._title,
            unit=f" {self._unit}",
            unit_scale=True,
            postfix=note,
            bar_format=LINE,
        ).replace("  ", " ")
