"""What a long job tells the person who waits for it: a bar on the terminal, plain lines in its log."""

import logging
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from tqdm import tqdm

from feature_sensitivity.runtime.errors import UserError

logger = logging.getLogger("feature_sensitivity")

CHANGES_NO_RESULT = True
SECONDS_BETWEEN_LINES = 30.0

LINE = "{desc}: {percentage:.0f} %, {n_fmt} of {total_fmt} {unit}, {rate_fmt}, {remaining} left{postfix}"

# Several jobs may share a terminal, so a bar names its job as messages do.
_job_title = ""


class _Terminal(logging.Handler):
    """Prints above a progress bar rather than through it."""

    def emit(self, record: logging.LogRecord) -> None:
        if not getattr(record, "only_in_log", False):
            tqdm.write(self.format(record), file=sys.stderr)


@contextmanager
def job(log_path: Path, title: str) -> Iterator[None]:
    """Log the block to ``log_path`` and the terminal, and end the process with status 1 if it fails.

    A :class:`UserError` or a full disk is told in one sentence. Any other error is a fault of the
    program: its traceback goes to the log. SIGTERM, with which a scheduler announces the end, interrupts
    like Ctrl-C.
    """
    global _job_title
    _job_title = f"{title}: "
    try:
        log_path.parent.mkdir(parents=True, exist_ok=True)
        file, terminal = logging.FileHandler(log_path, mode="w"), _Terminal()
    except OSError as error:
        sys.exit(f"{title}: the log cannot be written ({error}); make its folder writable")
    file.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%Y-%m-%d %H:%M:%S"))
    terminal.setFormatter(logging.Formatter(f"{title}: %(message)s"))
    logger.handlers[:] = [file, terminal]
    logger.setLevel(logging.INFO)
    logger.propagate = False
    previous = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except (UserError, OSError, MemoryError) as error:
        logger.error("%s", error if isinstance(error, UserError) else f"{type(error).__name__}: {error}")
        sys.exit(1)
    except KeyboardInterrupt:
        logger.error("interrupted; the same command goes on from here")
        sys.exit(130)
    except Exception:
        logger.exception(
            "stopped by a fault in the program; please report it with this log", extra={"only_in_log": True}
        )
        logger.error("stopped by a fault in the program; its traceback is in %s", log_path)
        sys.exit(1)
    finally:
        signal.signal(signal.SIGTERM, previous)


class Progress:
    """Counts work done, with rate and time left.

    On a terminal a bar moves; elsewhere, and in the log, a plain line follows every half minute.
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
            disable=None,
        )
        self._title, self._total, self._unit, self._first, self._done = title, total, unit, done, done
        self._clock, self._started, self._said = clock, clock(), clock()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.close()

    def advance(self, n: int, note: str = "") -> None:
        """``n`` more units are done; ``note`` is a remark such as the current loss."""
        self._done += n
        if note:
            self._bar.set_postfix_str(note, refresh=False)
        self._bar.update(n)
        if self._clock() - self._said >= SECONDS_BETWEEN_LINES:
            self._said = self._clock()
            on_terminal = not self._bar.disable
            logger.info("%s", self.line(note), extra={"only_in_log": on_terminal})

    def line(self, note: str = "") -> str:
        """The plain line, such as ``training: 50 %, 30 of 60 epochs, 2.0epochs/s, 00:15 left, loss 0.31``."""
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
