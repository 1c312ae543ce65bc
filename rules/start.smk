"""What comes before anything else: where the workflow lies, what it needs, and how its jobs start."""

import os
import shlex
import shutil
import sys
from pathlib import Path

# Of this file, also where the workflow is a module of another one, whose folder workflow.basedir is.
BASE = Path(workflow.current_basedir.get_path_or_uri(secret_free=True)).parent
HOME = Path(os.path.relpath(BASE))
sys.path.insert(0, str(BASE / "workflow_scripts"))

from feature_sensitivity.runtime import run_lock


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
