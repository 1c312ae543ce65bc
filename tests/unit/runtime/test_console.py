import errno
import logging
import os
import pty
import select
import signal
import subprocess
import sys
import termios
from collections.abc import Callable
from pathlib import Path

import pytest

from feature_sensitivity.runtime import console
from feature_sensitivity.runtime.console import Progress, job, logger
from feature_sensitivity.runtime.errors import UserError
from snakemake_runs import ROOT


@pytest.fixture(autouse=True)
def quiet_logger():
    yield
    logger.handlers.clear()
    logger.propagate = True


def test_messages_go_to_the_log_and_the_terminal(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    with job(tmp_path / "logs/a.log", "train_model normal"):
        logging.getLogger("feature_sensitivity.training").info("epoch 1")
    assert (tmp_path / "logs/a.log").read_text().endswith(" epoch 1\n")
    assert capsys.readouterr().err == "train_model normal: epoch 1\n"


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (UserError("the file is gone; fetch it again"), "the file is gone; fetch it again"),
        (
            OSError(errno.ENOSPC, "No space left on device"),
            "the disk is full ([Errno 28] No space left on device); make room, and run the same command again",
        ),
        (OSError(errno.EIO, "Input/output error"), "OSError: [Errno 5] Input/output error"),
    ],
)
def test_a_users_mistake_or_a_full_disk_is_one_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], error: Exception, message: str
):
    with pytest.raises(SystemExit) as ended, job(tmp_path / "a.log", "job"):
        raise error
    assert ended.value.code == 1
    assert capsys.readouterr().err == f"job: {message}\n"
    assert "Traceback" not in (tmp_path / "a.log").read_text()


def test_on_a_full_disk_messages_still_reach_the_terminal(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit), job(Path("/dev/full"), "job"):
        raise OSError(errno.ENOSPC, "No space left on device")
    shown = capsys.readouterr().err
    assert shown.startswith("job: the disk is full")
    assert len(shown.splitlines()) == 1


def test_a_bug_leaves_its_traceback_in_the_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit), job(tmp_path / "a.log", "job"):
        raise ZeroDivisionError
    assert "Traceback" in (tmp_path / "a.log").read_text()
    shown = capsys.readouterr().err
    assert "Traceback" not in shown
    assert str(tmp_path / "a.log") in shown


def test_a_log_that_cannot_be_written_is_named(tmp_path: Path):
    (tmp_path / "logs").write_text("a file where a folder should be")
    with pytest.raises(SystemExit, match="the log cannot be written"), job(tmp_path / "logs/a.log", "job"):
        pass


def press_ctrl_c() -> None:
    # Raised, not sent: a process that was started in the background ignores SIGINT.
    raise KeyboardInterrupt


def end_as_a_scheduler_does() -> None:
    signal.raise_signal(signal.SIGTERM)


@pytest.mark.parametrize("interrupt", [press_ctrl_c, end_as_a_scheduler_does])
def test_an_interruption_says_how_to_continue(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], interrupt: Callable[[], None]
):
    with pytest.raises(SystemExit) as ended, job(tmp_path / "a.log", "job"):
        interrupt()
    assert ended.value.code == 130
    assert "the same command continues" in capsys.readouterr().err


def test_progress_states_share_rate_and_time_left(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    now = 0.0

    def clock() -> float:
        return now

    with job(tmp_path / "a.log", "job"), Progress("training", total=400, unit="images", clock=clock) as progress:
        for _ in range(3):
            now += 20
            progress.advance(40, "loss 0.5")
    lines = (tmp_path / "a.log").read_text().splitlines()
    assert len(lines) == 1, "a line at most every half minute"
    assert lines[0].endswith("training: 20 %, 80.0 of 400 images, 2.00 images/s, 02:40 left, loss 0.5")
    assert "training: 20 %" in capsys.readouterr().err


def test_progress_of_a_resumed_job_counts_its_own_rate(tmp_path: Path):
    now = 0.0
    with Progress("rows", total=100, unit="rows", done=50, clock=lambda: now) as progress:
        now = 10.0
        progress.advance(10)
        assert "60 %" in progress.line()
        assert "1.00 rows/s" in progress.line()
        assert "00:40 left" in progress.line()


def test_messages_stand_above_the_bar_and_its_plain_line_is_in_the_log_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(console.sys.stderr, "isatty", lambda: True, raising=False)
    now = 0.0
    with (
        job(tmp_path / "a.log", "train_model normal"),
        Progress("training", total=10, unit="images", clock=lambda: now) as progress,
    ):
        now = 60.0
        progress.advance(5)
        logger.info("epoch 1")
        progress.advance(1)
    screen = capsys.readouterr().err
    assert "\r\x1b[Ktrain_model normal: epoch 1\n" in screen, (
        "the bar is erased before a message and drawn again below it"
    )
    assert "training: 50 %, " not in screen
    lines = (tmp_path / "a.log").read_text().splitlines()
    assert len(lines) == 2
    assert "training: 50 %, 5.00 of 10.0 images" in lines[0]
    assert lines[1].endswith(" epoch 1")


def test_the_terminal_shows_a_bar(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(console.sys.stderr, "isatty", lambda: True, raising=False)
    with Progress("training", total=10, unit="images") as progress:
        progress.advance(5)
    assert "training" in capsys.readouterr().err


def test_one_job_at_a_time_has_a_bar_on_a_terminal(tmp_path: Path):
    """On a pseudo-terminal the first job shows its bar; a second one erases its line to write a message."""
    code = f"""
import sys, time
from pathlib import Path
from feature_sensitivity.runtime.console import Progress, job, logger
with job(Path({str(tmp_path)!r}) / sys.argv[1], sys.argv[1]), Progress("working", total=10, unit="images") as bar:
    bar.advance(5)
    logger.info("a message")
    print("ready", flush=True)
    sys.stdin.readline()
"""
    ours, theirs = pty.openpty()
    termios.tcsetwinsize(theirs, (24, 110))
    command = [sys.executable, "-c", code]
    environment = os.environ | {"PYTHONPATH": "workflow_scripts", "TMPDIR": str(tmp_path)}

    def start(name: str) -> subprocess.Popen[bytes]:
        pipe = subprocess.PIPE
        process = subprocess.Popen([*command, name], stdin=pipe, stdout=pipe, stderr=theirs, cwd=ROOT, env=environment)
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        return process

    def screen() -> str:
        shown = b""
        while select.select([ours], [], [], 0.2)[0]:
            shown += os.read(ours, 10_000)
        return shown.decode()

    first = start("first")
    assert "first: working: " in screen()
    second = start("second")
    assert screen() == "\r\x1b[Ksecond: a message\r\n"
    first.communicate(b"\n")
    second.communicate(b"\n")
    screen()
    third = start("third")
    assert "third: working: " in screen()
    third.communicate(b"\n")


def test_ctrl_c_that_was_held_back_is_heard_when_the_job_begins(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    signal.raise_signal(signal.SIGINT)
    with pytest.raises(SystemExit) as ended, job(tmp_path / "a.log", "job"):
        raise AssertionError("the work has begun")
    assert ended.value.code == 130
    assert "the same command continues" in capsys.readouterr().err
