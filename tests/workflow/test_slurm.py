"""The workflow on a real Slurm of one node (local_slurm.py)."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import yaml

from feature_sensitivity.evaluation.sensitivity_file import DIMENSIONS, read_sensitivity
from local_slurm import local_slurm, slurm, wait_until, what_is_missing
from snakemake_runs import ROOT, copy_workflow, run_snakemake

pytestmark = [pytest.mark.workflow, pytest.mark.skipif(bool(what_is_missing()), reason=what_is_missing() or "-")]

SLURM = (
    *("--profile", "profiles/slurm"),
    *("--set-threads", "train_model=1", "measure_accuracy=2", "measure_sensitivity=1"),
    *("measure_attacked_features=1", "keep_extremal_images=1"),
    # This Slurm keeps no accounts, and nobody else waits for its answers.
    *("--slurm-status-command", "squeue", "--slurm-init-seconds-before-status-checks", "3", "--latency-wait", "5"),
    *("--configfile", "profiles/demo/config.yaml", "tests/config_tiny.yaml"),
)
ON_A_GPU = {
    "train_model",
    "measure_accuracy",
    "measure_sensitivity",
    "measure_attacked_features",
    "keep_extremal_images",
}
MEMORY = {"fetch_dataset": "4000M", "draw_explorer": "4000M", **dict.fromkeys(ON_A_GPU, "8000M")}
CONSOLE = "workflow_scripts/feature_sensitivity/runtime/console.py"
TARGET = "results/tiny/sens/normal_0.08.h5"
LOG = "results/tiny/logs/measure_sensitivity/normal_0.08.log"


@pytest.fixture(scope="module", autouse=True)
def slurm_runs() -> Iterator[None]:
    with local_slurm():
        yield


@pytest.fixture(scope="module")
def submitted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy in which the tiny configuration, with one model at one epsilon, has run through Slurm."""
    folder = copy_workflow(tmp_path_factory.mktemp("slurm") / "workflow")
    for name in ("config.yaml", "profiles/demo/config.yaml"):
        config = yaml.safe_load((folder / name).read_text())
        del config["models"]["adversarial"], config["models"]["robust_dataset"]
        (folder / name).write_text(yaml.safe_dump(config | {"epsilons": ["0.08"]}))
    run_snakemake(folder, *SLURM, "--", "all")
    return folder


def jobs_of(folder: Path) -> dict[str, list[dict[str, str]]]:
    """What Slurm has on record of a run's jobs, by rule, in the order of submission."""
    jobs: dict[str, list[dict[str, str]]] = {}
    for line in slurm("scontrol", "show", "job", "--oneliner").splitlines():
        job = dict(field.split("=", 1) for field in line.split() if "=" in field)
        if job["WorkDir"] == str(folder):
            rule = job["Comment"].removeprefix("rule_").split("_wildcards_")[0]
            jobs.setdefault(rule, []).append(job)
    return jobs


def test_the_tiny_workflow_runs_through_slurm(submitted: Path):
    assert (submitted / "results/tiny/summary.csv").exists()
    jobs = jobs_of(submitted)
    assert set(jobs) >= ON_A_GPU | {"fetch_dataset", "plot_accuracy", "plot_sensitivity", "summarize_results"}
    assert {job["JobState"] for of_rule in jobs.values() for job in of_rule} == {"COMPLETED"}


def test_slurm_gave_each_job_what_its_rule_asks_for(submitted: Path):
    for rule, of_rule in jobs_of(submitted).items():
        job = of_rule[0]
        assert job.get("TresPerJob") == ("gres:gpu:1" if rule in ON_A_GPU else None)
        assert job["NumCPUs"] == ("2" if rule == "measure_accuracy" else "1")
        assert job["MinMemoryNode"] == MEMORY.get(rule, "2000M")
        assert job["TimeLimit"] == ("01:00:00" if rule == "fetch_dataset" else "00:10:00")


def test_a_failing_job_ends_the_run_with_its_log_shown(workflow: Path):
    missing = "datasets={cifar10: {path: nowhere.tar.gz}}"
    arguments = (*SLURM[:-3], "--retries", "0", "--config", missing, "--", "results/data/cifar10.h5")
    done = run_snakemake(workflow, *arguments, check=False)
    assert done.returncode != 0
    assert "nowhere.tar.gz does not exist" in done.stdout
    (job,) = jobs_of(workflow)["fetch_dataset"]
    assert job["JobState"] == "FAILED"


def test_shards_gather_to_the_unsharded_result(submitted: Path, tmp_path: Path):
    folder = tmp_path / "sharded"
    shutil.copytree(submitted, folder, symlinks=True)
    (folder / TARGET).unlink()
    config = folder / "tests/config_tiny.yaml"
    config.write_text(config.read_text().replace("images: 6,", "images: 6, shards: 3,"))
    run_snakemake(folder, *SLURM, "--", TARGET)
    jobs = jobs_of(folder)
    assert [job["JobState"] for job in jobs["measure_sensitivity"]] == ["COMPLETED"] * 3
    whole, gathered = read_sensitivity(submitted / TARGET), read_sensitivity(folder / TARGET)
    assert all(np.array_equal(getattr(whole, name), getattr(gathered, name)) for name in DIMENSIONS)


@pytest.fixture
def slow(submitted: Path, tmp_path: Path) -> Path:
    """A copy in which one sensitivity is left to measure; it takes minutes as long as the file ``hold`` is there."""
    folder = tmp_path / "slow"
    shutil.copytree(submitted, folder, symlinks=True)
    (folder / TARGET).unlink()
    config = folder / "tests/config_tiny.yaml"
    config.write_text(config.read_text().replace("images: 6,", "images: 60,"))
    # Code that changes no result is no reason to start again: the same partial result fits with and without this.
    hold = folder / "hold"
    hold.touch()
    with (folder / CONSOLE).open("a") as file:
        file.write(
            "_advance = Progress.advance\n"
            f"Progress.advance = lambda *a: (time.sleep(3 * Path({str(hold)!r}).exists()), _advance(*a))\n"
        )
    return folder


@pytest.fixture
def run(slow: Path) -> Iterator["subprocess.Popen[str]"]:
    """Snakemake at work on it, which Ctrl-C reaches as if from a terminal."""
    with (slow / "run.txt").open("w") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "snakemake", *SLURM, "--", TARGET],
            cwd=slow,
            env={**os.environ, "XDG_CACHE_HOME": str(slow / ".cache")},
            stdout=output,
            stderr=output,
            text=True,
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        )
    yield process
    process.kill()
    slurm("scancel", "--user=root")


def running_job() -> str:
    """The id of the job that Slurm runs, or nothing."""
    return slurm("squeue", "--noheader", "--states=running", "--format=%i")


def measuring_job(folder: Path, *, after: str = "") -> str:
    """The id of the running job, once it has measured for a while; of the one ``after`` another."""
    log = folder / LOG
    wait_until(lambda: running_job() not in ("", after), "a running job")
    log.unlink(missing_ok=True)  # of the one before
    wait_until(lambda: log.exists() and "on CPU" in log.read_text(), "a job that measures")
    time.sleep(4)  # enough for some rows, too few for a partial result of the half-minutely kind
    return running_job()


def test_a_measurement_killed_by_the_scheduler_goes_on_to_the_same_bits(slow: Path, run: "subprocess.Popen[str]"):
    """Once by scancel, once at its time limit; each time it is submitted again and resumes."""
    first = measuring_job(slow)
    slurm("scancel", first)
    second = measuring_job(slow, after=first)
    assert "continuing after an interruption" in (slow / LOG).read_text()
    slurm("scontrol", "update", f"JobId={second}", "EndTime=now")
    wait_until(
        lambda: slurm("squeue", "--noheader", "--states=running", "--format=%i") != second, "the time limit", 120
    )
    (slow / "hold").unlink()
    assert run.wait(300) == 0, (slow / "run.txt").read_text()
    assert "continuing after an interruption" in (slow / LOG).read_text()
    jobs = jobs_of(slow)["measure_sensitivity"]
    assert [job["JobState"] for job in jobs] == ["CANCELLED", "TIMEOUT", "COMPLETED"]
    assert [job["MinMemoryNode"] for job in jobs] == ["8000M", "12000M", "18000M"]
    assert [job["TimeLimit"] for job in jobs][::2] == ["00:10:00", "00:42:00"]

    resumed = read_sensitivity(slow / TARGET)
    (slow / TARGET).unlink()
    shutil.copy2(ROOT / CONSOLE, slow / CONSOLE)
    run_snakemake(slow, "--cores", "1", *SLURM[-3:], "--", TARGET)
    plain = read_sensitivity(slow / TARGET)
    assert all(np.array_equal(getattr(resumed, name), getattr(plain, name)) for name in DIMENSIONS)


def test_ctrl_c_cancels_what_was_submitted(slow: Path, run: "subprocess.Popen[str]"):
    measuring_job(slow)
    run.send_signal(signal.SIGINT)
    assert run.wait(60) != 0
    wait_until(lambda: not slurm("squeue", "--noheader"), "an empty queue")
    (job,) = jobs_of(slow)["measure_sensitivity"]
    assert job["JobState"] == "CANCELLED"
