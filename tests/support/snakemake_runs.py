"""Snakemake on copies of the workflow."""

import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parents[2]
PARTS = ("Snakefile", "config.yaml", "rules", "workflow_scripts", "envs", "profiles", "tests/config_tiny.yaml")

TINY = ("--profile", "profiles/demo", "--configfile", "profiles/demo/config.yaml", "tests/config_tiny.yaml", "--")
"""Arguments of the tiny run; its targets follow."""

PACKAGE = "workflow_scripts/feature_sensitivity"

HANGS_AFTER = 1800
"""Seconds after which a run is taken to hang, so that a test says which one it was."""


def copy_workflow(folder: Path) -> Path:
    """Return a copy of the workflow without results, to run and to edit."""
    for part in PARTS:
        source, target = ROOT / part, folder / part
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, target)
    return folder


def copy_of(folder: Path, target: Path) -> Path:
    """Return a copy of a folder in which Snakemake has run, with its results and their times."""
    shutil.copytree(folder, target, symlinks=True)
    return target


def append_comment(path: Path) -> None:
    """Edit a source file without a change of what it does."""
    path.write_text(path.read_text() + "\n# edited\n")


def run_snakemake(folder: Path, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run Snakemake with these arguments in ``folder``; ``stdout`` holds both streams."""
    command = [sys.executable, "-m", "snakemake", *arguments]
    environment = {**os.environ, "XDG_CACHE_HOME": str(folder / ".cache")}
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=HANGS_AFTER,
    )
    assert not check or done.returncode == 0, done.stdout
    return done


def planned(folder: Path, *arguments: str) -> Counter[str]:
    """Count the jobs of a dry run by rule."""
    return jobs_in(run_snakemake(folder, "-n", "--cores", "2", *arguments).stdout)


def jobs_in(output: str) -> Counter[str]:
    """Count the jobs by rule in what a dry run printed."""
    table = re.search(r"^job +count\n[- ]+\n(.*?)^total", output, re.MULTILINE | re.DOTALL)
    return Counter(
        {rule: int(count) for rule, count in re.findall(r"^(\w+) +(\d+)$", table[1], re.MULTILINE)} if table else {}
    )
