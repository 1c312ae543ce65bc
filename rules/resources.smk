"""What jobs ask of the machine: threads, memory, minutes."""

import shutil
import subprocess
from functools import cache

from feature_sensitivity.config.costs import GPU
from feature_sensitivity.studies.costs import job_seconds


@cache
def count_gpus():
    """Return how many CUDA devices this machine shows."""
    if not shutil.which("nvidia-smi"):
        return 0
    listing = subprocess.run(
        ["nvidia-smi", "--list-gpus"], capture_output=True, text=True
    )
    return len(listing.stdout.splitlines()) if listing.returncode == 0 else 0


def compute_threads():
    """Return the threads of a job that computes: few beside a GPU; without one, what --cores allows, up to 8."""
    return 2 if count_gpus() else 8


def memory(gigabytes):
    """Return memory in MB, half as much again after each failure."""
    return lambda wildcards, attempt: int(1000 * gigabytes * 1.5 ** (attempt - 1))


def runtime(rule_name):
    """Return minutes that a job may take on a GPU: four times its estimate and ten more, doubled after each failure."""

    def minutes(wildcards, attempt):
        seconds = job_seconds(rule_name, dict(wildcards), config, GPU)
        return int((10 + 4 * seconds / 60) * 2 ** (attempt - 1))

    return minutes
