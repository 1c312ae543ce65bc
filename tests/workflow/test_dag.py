"""What Snakemake plans and what a change reruns."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from fault_kinds import ON_A_READ_ONLY_DISK
from snakemake_runs import ROOT, jobs_in, planned, run_snakemake

pytestmark = pytest.mark.workflow


def test_the_paper_is_planned_whole(workflow: Path):
    plan = planned(workflow, "all")
    assert plan["train_model"] == 3
    assert plan["measure_accuracy"] == 3
    assert plan["measure_sensitivity"] == 12
    assert plan["measure_attacked_features"] == 3
    assert plan["fetch_dataset"] == 2
    assert plan["construct_dataset"] == 0
    for rule in ("plot_accuracy", "plot_sensitivity", "summarize_results", "derive_measures", "judge_claims"):
        assert plan[rule] == 1
    assert plan["measure_whole_study"] == 1, "the refit of the last layer is part of the paper"
    assert plan["report_study"] == 0


@pytest.mark.parametrize(
    "changes",
    [
        {"features: null # how many": "features: 10 # how many"},
        {'epsilon: "0.08" # of the attack, and of': 'epsilon: "0.1" # of the attack, and of'},
        {
            "  normal: {dataset: cifar10, training: normal}": "  normal: {dataset: robust_release, weights: Snakefile}",
            "  robust_dataset: {dataset: robust_release,": "  robust_dataset: {dataset: cifar10,",
        },
    ],
    ids=["not every feature", "another epsilon", "data of its own"],
)
def test_the_last_layer_refit_is_left_out_where_it_needs_more_than_the_rest(workflow: Path, changes: dict[str, str]):
    config = workflow / "config.yaml"
    text = config.read_text()
    for old, new in changes.items():
        assert text.count(old) == 1
        text = text.replace(old, new)
    config.write_text(text)
    plan = planned(workflow, "all")
    assert plan["measure_whole_study"] == 0
    assert plan["measure_sensitivity"] == 12
    assert plan["judge_claims"] == 1
    table = workflow / "results/studies/last_layer_refit.csv"
    table.parent.mkdir(parents=True)
    table.touch()
    assert planned(workflow, "all") == plan, "whether a file exists changes no plan"


def test_the_last_layer_refit_needs_the_adversarial_model(workflow: Path):
    config = workflow / "config.yaml"
    lines = config.read_text().splitlines()
    config.write_text("\n".join(line for line in lines if not line.startswith("  adversarial: {")))
    plan = planned(workflow, "all")
    assert (plan["measure_whole_study"], plan["judge_claims"], plan["measure_sensitivity"]) == (0, 1, 8)


@pytest.fixture
def three_seeds(workflow: Path) -> Path:
    """A fresh copy whose configuration has three seeds."""
    config = workflow / "config.yaml"
    config.write_text(config.read_text().replace("seeds: [0]", "seeds: [0, 1, 2]"))
    return workflow


def test_further_seeds_train_and_measure_replicates(three_seeds: Path):
    output = run_snakemake(three_seeds, "-n", "--cores", "2", "all").stdout
    plan = jobs_in(output)
    assert plan["train_model"] == 9
    assert plan["measure_accuracy"] == 9
    assert plan["measure_sensitivity"] == 36
    assert plan["fetch_dataset"] == 2
    assert plan["plot_accuracy"] == plan["summarize_results"] == plan["judge_claims"] == 1
    assert "results/models/adversarial_seed2.pt" in output
    assert "results/sens/robust_dataset_seed1_0.08.h5" in output


def test_a_replicate_is_a_target(three_seeds: Path):
    plan = planned(three_seeds, "results/sens/adversarial_seed1_0.08.h5")
    assert plan == {"fetch_dataset": 1, "train_model": 1, "measure_sensitivity": 1}


def test_a_seed_outside_the_configuration_is_no_target(three_seeds: Path):
    done = run_snakemake(three_seeds, "-n", "results/models/normal_seed5.pt", check=False)
    assert done.returncode != 0


def test_replicates_share_the_constructed_dataset(three_seeds: Path):
    config = "models={robust_dataset: {dataset: robust_construction}}"
    targets = [f"results/models/robust_dataset{suffix}.pt" for suffix in ("", "_seed1", "_seed2")]
    plan = planned(three_seeds, "--config", config, "--", *targets)
    assert plan == {"fetch_dataset": 1, "train_model": 4, "construct_dataset": 1, "gather_dataset": 1}


def test_networks_that_are_trained_already_need_no_training_data(workflow: Path):
    (workflow / "mine.pt").touch()
    data = {"normal": "cifar10", "adversarial": "cifar10", "robust_dataset": "robust_construction"}
    weights = ", ".join(f"{model}: {{dataset: {dataset}, weights: mine.pt}}" for model, dataset in data.items())
    plan = planned(workflow, "--config", f"models={{{weights}}}", "--", "all")
    assert (plan["import_model"], plan["fetch_dataset"], plan["measure_sensitivity"]) == (3, 1, 12)
    assert plan.keys().isdisjoint({"train_model", "construct_dataset", "plot_construction"})


def test_networks_trained_elsewhere_with_several_seeds_are_replicates(three_seeds: Path):
    for seed in (0, 1, 2):
        (three_seeds / f"mine_{seed}.pt").touch()
    mine = "models={mine: {dataset: cifar10, weights: 'mine_{seed}.pt'}}"
    assert planned(three_seeds, "--config", mine, "--", "reference")["write_reference"] == 1
    plan = planned(three_seeds, "--config", mine, "--", "all")
    assert (plan["import_model"], plan["train_model"]) == (3, 9)
    assert (plan["measure_accuracy"], plan["measure_sensitivity"]) == (12, 48)


def test_a_single_target_plans_its_ancestors_only(workflow: Path):
    plan = planned(workflow, "results/sens/adversarial_0.08.h5")
    assert plan == {"fetch_dataset": 1, "train_model": 1, "measure_sensitivity": 1}


def test_the_constructed_dataset_is_one_word_away(workflow: Path):
    config = "models={robust_dataset: {dataset: robust_construction}}"
    plan = planned(workflow, "--config", config, "--", "results/models/robust_dataset.pt")
    assert plan == {"fetch_dataset": 1, "train_model": 2, "construct_dataset": 1, "gather_dataset": 1}


def test_an_epsilon_outside_the_configuration_is_still_a_target(workflow: Path):
    assert planned(workflow, "results/sens/normal_0.1.h5")["measure_sensitivity"] == 1


def test_a_wrong_configuration_stops_before_any_job_without_traceback(workflow: Path):
    config = workflow / "config.yaml"
    config.write_text(config.read_text().replace("  steps: 7", "  steps: -7").replace("  momentum:", "  momentun:"))
    done = run_snakemake(workflow, "--cores", "1", "all", check=False)
    assert done.returncode == 1
    assert "nothing was started" in done.stdout
    assert "adversarial_training.steps is -7; write 1 or more" in done.stdout
    assert "training: unknown key 'momentun'; write momentum" in done.stdout
    assert "Traceback" not in done.stdout
    assert not (workflow / "results").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="a read-only disk needs root")
def test_results_that_cannot_be_written_stop_before_any_job(workflow: Path):
    (workflow / "results").mkdir()
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "results/data/cifar10.h5"]
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", ON_A_READ_ONLY_DISK, "results", *command],
        cwd=workflow,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "results cannot be written; make it writable" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Execute" not in done.stderr


def test_the_demo_touches_nothing_of_a_full_run(workflow: Path):
    lines = run_snakemake(workflow, "--summary", "--profile", "profiles/demo", "--", "all").stdout.splitlines()
    outputs = [line.split("\t")[0] for line in lines if "\t" in line][1:]
    assert len(outputs) > 20
    assert all(path.startswith("results/demo/") for path in outputs)


def without_models(workflow: Path, *models: str) -> None:
    config = workflow / "config.yaml"
    gone = tuple(f"  {model}: {{dataset" for model in models)
    config.write_text("\n".join(line for line in config.read_text().splitlines() if not line.startswith(gone)))


def test_a_study_of_a_model_that_is_not_there_stops_before_any_job(workflow: Path):
    without_models(workflow, "robust_dataset")
    done = run_snakemake(workflow, "-n", "crossing", check=False)
    assert done.returncode == 1
    assert "the study crossing compares the models normal and robust_dataset" in done.stdout
    assert "Traceback" not in done.stdout
    assert planned(workflow, "definitions")["report_study"] == 1


@pytest.mark.parametrize(
    ("target", "expected"),
    [
        ("sens/normal_0.080.h5", "this epsilon is spelled 0.08; name normal_0.08"),
        ("sens/normal_0.00.h5", "at epsilon 0 nothing moves"),
        ("studies/error_bounds/normal_0.10.csv", "name normal_0.1"),
        ("studies/norms/normal_0.50.h5", "name normal_0.5"),
    ],
)
def test_an_epsilon_is_measured_under_one_name(workflow: Path, target: str, expected: str):
    done = run_snakemake(workflow, "-n", f"results/{target}", check=False)
    assert done.returncode == 1
    assert expected in done.stdout
    assert "Traceback" not in done.stdout


@pytest.mark.parametrize("profile", [None, "demo", "cifar10_cpu"])
def test_the_workflow_runs_from_any_folder(workflow: Path, tmp_path: Path, profile: str | None):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    chosen = ("--profile", str(workflow / "profiles" / profile)) if profile else ()
    plan = planned(elsewhere, "-s", str(workflow / "Snakefile"), *chosen, "--", "all")
    assert plan["measure_sensitivity"] == (48 if profile == "cifar10_cpu" else 12)


def test_the_reference_run_takes_the_networks_that_are_there(workflow: Path):
    shutil.copytree(ROOT / "docs", workflow / "docs")
    profile, own = "profiles/cifar10_cpu", "docs/reference.yaml"
    plan = planned(workflow, "--profile", profile, "--configfile", f"{profile}/config.yaml", own, "--", "reference")
    assert plan["import_model"] == 10, "three seeds of three models, and a second architecture"
    assert plan["measure_sensitivity"] == 42, "those of the crossing at one more epsilon, of one seed"
    assert plan["report_study"] == 7
    assert plan["write_reference"] == 1
    assert "train_model" not in plan


def test_without_conda_the_way_to_go_without_is_named(workflow: Path, monkeypatch: pytest.MonkeyPatch):
    programs = workflow / "programs"
    programs.mkdir()
    for name in ("bash", "which", "uname"):
        (programs / name).symlink_to(shutil.which(name) or "/nowhere")
    monkeypatch.setenv("PATH", str(programs))
    done = run_snakemake(workflow, "--cores", "1", "--use-conda", "all", check=False)
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1].startswith("--use-conda needs conda 24.7.1 or newer")
    assert not (workflow / "results").exists()


def test_the_sentence_of_a_failing_job_is_shown_once(workflow: Path):
    missing = "datasets={cifar10: {path: nowhere.tar.gz}}"
    done = run_snakemake(workflow, "--cores", "1", "--config", missing, "--", "results/data/cifar10.h5", check=False)
    assert done.returncode != 0
    assert done.stdout.count("nowhere.tar.gz does not exist") == 1
    assert done.stdout.splitlines()[-1].startswith("Nothing that was finished or saved is lost.")
    assert "results/logs/fetch_dataset/cifar10.log" in done.stdout
    assert "Traceback" not in done.stdout
    assert not (workflow / "results/data/cifar10.h5").exists()
