"""What a user sees after Ctrl-C and after a kill, and that the same command continues."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from snakemake_runs import TINY, run_snakemake

pytestmark = [
    pytest.mark.workflow,
    pytest.mark.skipif(not Path("/proc/self/cmdline").exists(), reason="it looks for processes in /proc"),
]

TARGET = "results/tiny/models/normal.pt"


def training(workflow: Path) -> subprocess.Popen[str]:
    """A run whose training imports its packages, in a session of its own as a terminal gives one."""
    # A process that was started in the background ignores SIGINT, and hands that down.
    hears_ctrl_c = (
        "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", hears_ctrl_c, sys.executable, "-m", "snakemake", *TINY, TARGET],
        cwd=workflow,
        env=os.environ | {"XDG_CACHE_HOME": str(workflow / ".cache")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    assert process.stdout
    assert any("Model normal: training." in line for line in process.stdout)
    while not is_importing(workflow):
        time.sleep(0.01)
    return process


def is_importing(workflow: Path) -> bool:
    """Whether a process executes the script of the training, and nothing else such as a shell does."""
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            command = file.read_text().split("\0")
            if len(command) == 3 and command[1].startswith(str(workflow)) and "train_model" in command[1]:
                return True
    return False


@pytest.mark.parametrize("presses", [1, 2])
def test_ctrl_c_during_imports_ends_with_how_to_go_on(workflow: Path, presses: int):
    process = training(workflow)
    for _ in range(presses):
        os.killpg(process.pid, signal.SIGINT)
        time.sleep(0.3)
    output, _ = process.communicate()
    assert process.returncode != 0
    assert "Traceback" not in output
    assert output.splitlines()[-1].startswith("Nothing that was finished or saved is lost.")
    assert "the same command continues" in output.splitlines()[-1]
    assert not (workflow / TARGET).exists()


def test_ctrl_c_while_jobs_are_planned_ends_with_how_to_go_on(workflow: Path):
    with (workflow / "Snakefile").open("a") as file:
        file.write(
            "\n\ndef ctrl_c(wildcards):\n    raise KeyboardInterrupt\n\n\nrule planned:\n    input:\n        ctrl_c\n"
        )
    done = run_snakemake(workflow, "--cores", "1", "planned", check=False)
    assert done.returncode != 0
    assert "Traceback" not in done.stdout
    assert done.stdout.splitlines()[-1].startswith("Nothing that was finished or saved is lost.")


def test_after_a_kill_the_same_command_continues(workflow: Path):
    process = training(workflow)
    process.kill()
    process.wait()
    assert list((workflow / ".snakemake/locks").iterdir())
    while_a_job_lives = run_snakemake(workflow, *TINY, TARGET, check=False)
    assert "Directory cannot be locked" in while_a_job_lives.stdout
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    again = run_snakemake(workflow, *TINY, TARGET)
    assert "An earlier run was killed; its lock is removed" in again.stdout
    assert (workflow / TARGET).exists()
