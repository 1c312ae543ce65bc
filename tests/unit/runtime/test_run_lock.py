"""A lock file that says whether an earlier run is still at work."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from feature_sensitivity.runtime import run_lock
from snakemake_runs import ROOT

CODE = """
import sys
from pathlib import Path
from feature_sensitivity.runtime import run_lock
gone = run_lock.hold(Path(sys.argv[1]))
print(gone, flush=True)
if sys.argv[2] == "run":
    run_lock.sign(Path(sys.argv[1]))
print("signed", flush=True)
sys.stdin.readline()
"""


def run(lock: Path, what: str = "run") -> tuple[bool, subprocess.Popen[str]]:
    """Start a process that holds the lock; return also what it learned of the one before."""
    process = subprocess.Popen(
        [sys.executable, "-c", CODE, lock, what],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONPATH": str(ROOT / "workflow_scripts")},
    )
    assert process.stdout
    gone = process.stdout.readline() == "True\n"
    assert process.stdout.readline() == "signed\n"
    return gone, process


def kill(process: subprocess.Popen[str]) -> None:
    process.kill()
    process.communicate()


def test_a_run_that_was_killed_is_known_to_be_gone(tmp_path: Path):
    lock = tmp_path / "a/run.lock"
    gone, first = run(lock)
    assert not gone, "a lock that no run has signed may be anyone's"
    gone, second = run(lock)
    assert not gone, "the first is alive"
    kill(first)
    gone, job = run(lock, "job")
    assert not gone, "the second is alive"
    kill(second)
    gone, third = run(lock)
    assert not gone, "a job of theirs is alive"
    kill(job)
    kill(third)
    gone, last = run(lock)
    assert gone
    kill(last)


def test_a_run_on_another_machine_is_never_known_to_be_gone(tmp_path: Path):
    lock = tmp_path / "run.lock"
    lock.write_text("another machine")
    gone, process = run(lock)
    kill(process)
    assert not gone


def test_without_locks_nothing_is_known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    def no_locks(*_: object) -> None:
        raise OSError(38, "Function not implemented")

    run_lock.sign(tmp_path / "run.lock")
    monkeypatch.setattr(run_lock.fcntl, "flock", no_locks)
    assert not run_lock.hold(tmp_path / "run.lock")


def test_a_job_holds_the_lock_as_long_as_it_lives_and_ctrl_c_back(tmp_path: Path):
    lock = tmp_path / "run.lock"
    run_lock.sign(lock)
    code = "import sys; print('imported', flush=True); sys.stdin.readline(); print('done')"
    job = subprocess.Popen(
        [sys.executable, ROOT / "rules/start_job.py", lock, sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert job.stdout
    assert job.stdout.readline() == "imported\n"
    job.send_signal(signal.SIGINT)
    gone, process = run(lock)
    kill(process)
    assert not gone
    assert job.communicate("\n")[0] == "done\n"
    gone, process = run(lock)
    kill(process)
    assert gone


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [({}, "passive"), ({"OMP_WAIT_POLICY": "active"}, "active"), ({"GOMP_SPINCOUNT": "9"}, "None")],
)
def test_a_job_gives_its_core_back_while_it_waits_unless_the_user_chose(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, chosen: dict[str, str], expected: str
):
    for name in ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT"):
        monkeypatch.delenv(name, raising=False)
    for name, value in chosen.items():
        monkeypatch.setenv(name, value)
    code = "import os; print(os.environ.get('OMP_WAIT_POLICY'))"
    job = [sys.executable, ROOT / "rules/start_job.py", tmp_path / "run.lock", sys.executable, "-c", code]
    assert subprocess.run(job, capture_output=True, text=True, check=True).stdout == f"{expected}\n"
