"""The machine, and the state of the code that runs on it."""

import os
import platform
import subprocess
from pathlib import Path

CHANGES_NO_RESULT = True


def cpu_name() -> str:
    """Return the processor's name where the system tells it, or else its kind."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def machine_name() -> str:
    """Return the processor's name, the number of its cores, and the main memory."""
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{cpu_name()}, {os.cpu_count()} cores, {memory:.0f} GiB"


def commit() -> str:
    """Return the commit of the code that runs, marked where files differ from it, or that there is none."""
    git = ["git", "-C", str(Path(__file__).parent), "describe", "--always", "--abbrev=40", "--dirty= with changes"]
    try:
        return subprocess.run(git, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "not under version control"
