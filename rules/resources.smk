"""What jobs ask of the machine: threads, memory, minutes."""

import os
import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

from feature_sensitivity.config.costs import GPU
from feature_sensitivity.config.network_costs import count_networks
from feature_sensitivity.config.network_costs import pass_costs
from feature_sensitivity.config.network_costs import read_counts
from feature_sensitivity.config.network_costs import uncounted
from feature_sensitivity.runtime.visible_gpus import n_visible_gpus
from feature_sensitivity.studies.costs import job_seconds

COUNTS = Path(".snakemake/network_costs.json")
PASS_COSTS = pass_costs(config, read_counts(COUNTS))


def count_networks_of_this_run():
    """Count what the networks of this run cost, as far as that is not known, and say which could not be counted."""
    PASS_COSTS.update(pass_costs(config, count_networks(config, COUNTS)))
    say_what_is_not_counted()


@cache
def say_what_is_not_counted():
    """Say which models are taken to cost what another network does."""
    if models := uncounted(config, read_counts(COUNTS)):
        print(
            f"Times are estimated with ResNet18 in place of the networks of {', '.join(models)}, whose operations "
            f"{'are counted when the run starts' if workflow.dryrun else 'could not be counted'}.",
            file=sys.stderr,
        )


@cache
def count_gpus():
    """Return how many CUDA devices this machine shows to a job."""
    if not shutil.which("nvidia-smi"):
        return 0
    listing = subprocess.run(
        ["nvidia-smi", "--list-gpus"], capture_output=True, text=True
    )
    if listing.returncode:
        return 0
    return n_visible_gpus(listing.stdout, os.environ.get("CUDA_VISIBLE_DEVICES"))


def run_a_job_per_gpu():
    """Let as many jobs compute at a time as this machine has GPUs, unless --resources gpu=N decides it."""
    here = not workflow.non_local_exec
    if here and count_gpus() and "gpu" not in workflow.global_resources:
        workflow.register_resource("gpu", count_gpus())


def compute_threads():
    """Return the threads of a job that computes: few beside a GPU; without one, what --cores allows, up to 8."""
    return 2 if count_gpus() else 8


def memory(gigabytes):
    """Return memory in MB, half as much again after each failure."""
    return lambda wildcards, attempt: int(1000 * gigabytes * 1.5 ** (attempt - 1))


def runtime(rule_name):
    """Return minutes that a job may take on a GPU: four times its estimate and ten more, doubled after each failure."""

    def minutes(wildcards, attempt):
        if workflow.dryrun:
            say_what_is_not_counted()
        seconds = job_seconds(rule_name, dict(wildcards), config, PASS_COSTS, GPU)
        return int((10 + 4 * seconds / 60) * 2 ** (attempt - 1))

    return minutes
