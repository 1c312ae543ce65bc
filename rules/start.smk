"""What comes before anything else: where the workflow lies, what it needs, and how its jobs start."""

import os
import shlex
import shutil
import signal
import sys
from pathlib import Path

# Of this file, also where the workflow is a module of another one, whose folder workflow.basedir is.
BASE = Path(workflow.current_basedir.get_path_or_uri(secret_free=True)).parent
HOME = Path(os.path.relpath(BASE))
sys.path.insert(0, str(BASE / "workflow_scripts"))

from feature_sensitivity.runtime import run_lock


def say(line):
    """Print to the terminal, beside Snakemake's own messages."""
    print(line, file=sys.stderr)


NOTHING_IS_LOST = (
    "Nothing that was finished or saved is lost. After an interruption, the same command continues from there; "
    "after an error, it does once what the message above names is put right."
)


def report_uncaught(kind, error, trace):
    """Say it in place of a traceback after Ctrl-C while Snakemake plans its jobs."""
    if issubclass(kind, KeyboardInterrupt):
        say(NOTHING_IS_LOST)
    else:
        sys.__excepthook__(kind, error, trace)


sys.excepthook = report_uncaught


def interrupt_once(number, frame):
    """Interrupt at the first Ctrl-C; Snakemake, which then ends its jobs, would end in a traceback at a second one."""
    signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, interrupt_once)


def stop_without_conda():
    """End where --use-conda finds no conda, with the way to go without."""
    methods = {method.name for method in workflow.deployment_settings.deployment_method}
    if "CONDA" in methods and workflow.is_main_process and not shutil.which("conda"):
        sys.exit(
            "--use-conda needs conda 24.7.1 or newer as `conda` on the PATH (mamba alone is not enough); install it, "
            "or go without: make demo, once, then .venv/bin/snakemake --cores 8 all"
        )


stop_without_conda()

RUN_LOCK = Path(".snakemake/run.lock")


def remove_lock_of_a_dead_run():
    """Remove Snakemake's lock on this folder where the run that left it was killed, with all of its jobs."""
    locks = list(Path(".snakemake/locks").glob("*.lock"))
    if run_lock.hold(RUN_LOCK) and locks and workflow.is_main_process:
        for lock in locks:
            lock.unlink(missing_ok=True)
        print(
            "An earlier run was killed; its lock is removed, and this run continues from what it saved.",
            file=sys.stderr,
        )


# In a workflow that takes this one as a module, the prefix would stand before the commands of its own rules, too.
if Path(workflow.main_snakefile).resolve() == (BASE / "Snakefile").resolve():
    if not workflow.dryrun:
        remove_lock_of_a_dead_run()
    START_JOB = [sys.executable, str(BASE / "rules/start_job.py"), str(RUN_LOCK)]
    shell.prefix(f"set -euo pipefail; {shlex.join(START_JOB)} ")
