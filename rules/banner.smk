"""What a run says at its start and at its end."""

import atexit
from collections import Counter
from pathlib import Path

from feature_sensitivity.config.costs import CORE
from feature_sensitivity.config.costs import GPU
from feature_sensitivity.config.costs import duration
from feature_sensitivity.studies.costs import job_flop
from feature_sensitivity.studies.costs import job_seconds

LONG = 86_400  # seconds


def print_start_banner():
    """Say where the workflow runs, what there is to do, and roughly how long that takes."""
    place, machine, n_at_a_time = describe_place()
    jobs, work, seconds = Counter(), 0.0, 0.0
    for job in workflow.dag.needrun_jobs():
        jobs[job.rule.name] += 1
        work += job_flop(job.rule.name, dict(job.wildcards), config, PASS_COSTS)
        seconds += job_seconds(
            job.rule.name, dict(job.wildcards), config, PASS_COSTS, machine
        )
    seconds /= n_at_a_time
    counts = [f"{count} {rule}" for rule, count in jobs.items() if rule != "all"]
    say("Features' sensitivity (Hu et al. 2022)")
    say(f"  device    {place}")
    say(f"  to do     {', '.join(counts)}")
    say(
        f"  cost      {work:.1e} floating-point operations, roughly {duration(seconds)}"
    )
    say(f"  results   {results()}/")
    if seconds > LONG and not count_gpus() and not workflow.non_local_exec:
        say(
            "This is long for a CPU. For the whole paper in minutes on small images, type: make demo"
        )
        say(
            "For real CIFAR-10 at reduced scale: snakemake --profile profiles/cifar10_cpu all"
        )
        say("For a cluster with GPUs: snakemake --profile profiles/slurm all")


def describe_place():
    """Return what computes, each of them, and how many compute at a time."""
    gpus = count_gpus()
    if workflow.non_local_exec:
        return (
            "jobs go to the cluster; the estimate is for one GPU",
            GPU,
            1,
        )
    if gpus:
        return (
            f"{gpus} GPU{'s' * (gpus > 1)}; the estimate is for one",
            GPU,
            1,
        )
    return f"CPU, {workflow.cores} cores", CORE, workflow.cores


def print_end_banner():
    """Show the summary and the paths of what to read, as far as this run has made or checked them."""
    made = {Path(file) for job in workflow.dag.jobs for file in job.output}
    summary = results() / "summary.txt"
    if summary in made:
        say(summary.read_text(encoding="utf-8").rstrip())
    for name in (
        "overview.html",
        "figures/figure1_accuracy.png",
        "figures/figure2_sensitivity.png",
        "summary.md",
        "claims.md",
    ):
        if results() / name in made:
            say(f"  {results() / name}")


def print_how_to_continue_at_the_end():
    """Say it as the last line of a run that failed or was interrupted; Snakemake's own lines come first."""
    atexit.register(say, NOTHING_IS_LOST)
