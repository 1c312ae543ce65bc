"""What a run leaves, what is added to it, and what it refuses."""

import json
import os
import re
import shutil
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import torch

from explorer_cases import unpacked
from faults import run_trials
from feature_sensitivity.evaluation.sensitivity_file import DIMENSIONS, read_sensitivity
from snakemake_runs import TINY, copy_of, planned, run_snakemake

pytestmark = pytest.mark.workflow


def test_the_tiny_run_leaves_what_the_contracts_say(finished_workflow: Path):
    results = finished_workflow / "results/tiny"
    accuracy = pd.read_csv(results / "accuracy/normal.csv")
    columns = "model norm epsilon epsilon_255 steps step_size n_images n_correct accuracy ci_low ci_high seed"
    assert list(accuracy.columns) == columns.split()
    assert accuracy.epsilon.tolist() == [0, 0.04, 0.06, 0.08, 0.2]
    checks = pd.read_csv(results / "accuracy/normal.checks.csv")
    assert checks.epsilon.tolist() == [0.04, 0.06, 0.08, 0.2]
    history = pd.read_csv(results / "models/adversarial.history.csv")
    assert list(history.columns) == [
        "epoch",
        "learning_rate",
        "train_loss",
        "train_accuracy",
        "test_accuracy",
        "seconds",
        "robust_test_accuracy",
        "model",
    ]
    checkpoint = torch.load(results / "models/robust_dataset.pt", weights_only=True)
    assert {"state_dict", "architecture", "dataset", "training", "seed", "versions"} <= checkpoint.keys()
    with h5py.File(results / "data/digits.h5") as file:
        assert file["train/images"].shape[1:] == (3, 8, 8)
        assert {"mean", "std", "source", "sha256"} <= file.attrs.keys()
    with h5py.File(results / "data/robust_digits.h5") as file:
        assert list(file) == ["train"]
    with h5py.File(results / "sens/normal_0.2.h5") as file:
        assert file["maximum"].shape == (6, 32)
        assert {"checkpoint_sha256", "epsilon", "epsilon_255", "torch_version", "seed"} <= file.attrs.keys()
        measured = file["maximum"][:]
    with h5py.File(results / "attacked/normal.h5") as file:
        assert file["attacked"].shape == (4, 6, 32)
        assert file["gradient_norm"].shape == (6, 32)
        assert {"checkpoint_sha256", "epsilons", "norm", "torch_version", "seed"} <= file.attrs.keys()
    features = pd.read_csv(results / "features.csv", dtype={"epsilon": str})
    assert list(features.columns) == ["model", "epsilon", "epsilon_255", "feature", "measure", "value"]
    assert {*features.epsilon} == {"0.04", "0.06", "0.08", "0.2"}
    assert len(pd.read_csv(results / "feature_counts.csv")) == 12
    assert (results / "overview.html").read_text().count("<li>") > 12
    with h5py.File(results / "extremal/normal.h5") as file:
        assert file["maximizing"].shape == (4, 4, 4, 3, 8, 8)
        rows = np.isin(read_sensitivity(results / "sens/normal_0.2.h5").image_index, file["image_index"])
        kept, index = file["maximum"][3], np.argsort(file["image_index"])
        assert np.array_equal(kept[index], measured[rows][:, file["feature_index"][:]]), "bit by bit"
    assert (results / "figures/extremal_normal_0.2.png").stat().st_size > 1000
    page = (results / "explorer.html").read_text(encoding="utf-8")
    assert "normal 31" in json.loads(unpacked(page, "data"))["models"][0]["names"]
    assert len(json.loads(unpacked(page, "pictures-0"))["sources"]) > 30
    summary = pd.read_csv(results / "summary.csv")
    assert len(summary) == 15
    assert summary[summary.epsilon > 0].sensitivity_mean.notna().all()
    for name in ("figure1_accuracy", "figure2_sensitivity", "useful_features", "used_share", "linearity"):
        for suffix in (".svg", ".png", ".csv"):
            assert (results / f"figures/{name}{suffix}").stat().st_size > 500
    assert not list(results.glob("unfinished/**/*.pt")), "partial results are gone once a result is whole"


def test_everything_is_written_below_the_results_folder_of_the_config(finished_workflow: Path):
    assert [path.name for path in (finished_workflow / "results").iterdir()] == ["tiny"]
    assert {"logs", "benchmarks"}.isdisjoint(path.name for path in finished_workflow.iterdir())
    assert (finished_workflow / "results/tiny/logs/train_model/normal.log").exists()
    assert (finished_workflow / "results/tiny/benchmarks/train_model/normal.tsv").exists()


@pytest.fixture(scope="module")
def replicated(finished_workflow: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The finished run with a second seed, and a network trained elsewhere with the weights of ``normal``."""
    folder = copy_of(finished_workflow, tmp_path_factory.mktemp("replicated") / "workflow")
    first = (folder / "results/tiny/models/normal.pt").read_bytes()
    (folder / "mine.pt").write_bytes(first)
    config = folder / "tests/config_tiny.yaml"
    settings = 'models: {mine: {dataset: digits, weights: mine.pt}}\nepsilons: ["0.08"]\nseeds: [0, 1]\n'
    config.write_text(config.read_text() + settings)
    plan = planned(folder, *TINY, "all")
    assert (plan["import_model"], plan["train_model"], plan["measure_sensitivity"]) == (1, 3, 4)
    assert plan["construct_dataset"] == 0
    assert planned(folder, *TINY, "definitions")["train_model"] == 0, "studies are of the first seed's models"
    run_snakemake(folder, *TINY, "all")
    assert (folder / "results/tiny/models/normal.pt").read_bytes() == first
    assert planned(folder, *TINY, "all").total() == 0
    return folder


def test_a_second_seed_adds_to_a_finished_run(replicated: Path):
    """The replicates differ from the first seed's models, and their spread is shown."""
    results = replicated / "results/tiny"
    checkpoints = [torch.load(results / f"models/{name}.pt", weights_only=True) for name in ("normal", "normal_seed1")]
    assert [checkpoint["seed"] for checkpoint in checkpoints] == [0, 1]
    weights = [checkpoint["state_dict"]["fc.weight"] for checkpoint in checkpoints]
    assert not torch.equal(*weights)
    files = [read_sensitivity(results / f"sens/{name}_0.08.h5") for name in ("normal", "normal_seed1")]
    assert np.array_equal(files[0].image_index, files[1].image_index)
    assert [file.attributes["seed"] for file in files] == [0, 0]
    summary = pd.read_csv(results / "summary.csv").query("model != 'mine'")
    assert len(summary) == 6
    assert (summary.n_seeds == 2).all()
    means = [float(file.sensitivity.mean()) for file in files]
    row = summary[(summary.model == "normal") & (summary.epsilon == 0.08)].iloc[0]
    assert row.sensitivity_mean == pytest.approx(np.mean(means))
    assert row.sensitivity_mean_seed_std == pytest.approx(np.std(means, ddof=1))
    for figure in ("figure1_accuracy", "figure2_sensitivity", "learning_curves", "accuracy_against_sensitivity"):
        svg = re.sub(r"<[^>]*>|\s+", " ", (results / f"figures/{figure}.svg").read_text())
        assert "n = 2 training seeds (0, 1)" in re.sub(" +", " ", svg)
    assert "n = 2 training seeds (0, 1)" in (results / "claims.md").read_text()
    assert "±" in (results / "summary.txt").read_text()


def test_a_network_trained_elsewhere_is_measured_as_the_others(replicated: Path, tmp_path: Path):
    """All that is measured of it equals what is measured of ``normal``. It has no replicates."""
    results = replicated / "results/tiny"
    mine, normal = (read_sensitivity(results / f"sens/{name}_0.08.h5") for name in ("mine", "normal"))
    assert np.array_equal(mine.maximum, normal.maximum)
    accuracies = [pd.read_csv(results / f"accuracy/{name}.csv").n_correct for name in ("mine", "normal")]
    assert accuracies[0].tolist() == accuracies[1].tolist()
    summary = pd.read_csv(results / "summary.csv").query("model == 'mine'")
    assert summary.n_seeds.tolist() == [1, 1]
    rows = [line for line in (results / "summary.md").read_text().splitlines() if line.startswith("| mine")]
    assert len(rows) == 2
    assert not any("nan" in row or "±" in row for row in rows)
    edited = copy_of(replicated, tmp_path / "edited")
    shutil.copy2(results / "models/adversarial.pt", edited / "mine.pt")
    os.utime(edited / "mine.pt", (0, 0))
    assert planned(edited, *TINY, "all")["import_model"] == 1, "another network, though its file is older"


def test_a_few_faults_are_survived(finished_workflow: Path, tmp_path: Path):
    counts = {"kill": 3, "full disk": 2, "read-only": 1, "two at once": 1, "bad input": 8}
    if os.geteuid() != 0:
        del counts["full disk"]  # which needs root
    rows = run_trials(tmp_path, finished_workflow, counts, command=TINY, targets=["all"])
    assert [row for row in rows if not row["survived"]] == []
    assert len(rows) == sum(counts.values())


def test_claim_s6_rests_on_the_last_layer_refit(finished_workflow: Path):
    claims = pd.read_csv(finished_workflow / "results/tiny/claims.csv").set_index("claim")
    assert "% least sensitive" in claims.numbers["S6"]


def test_shards_and_a_target_relative_error_through_the_workflow(edited: Path):
    """Sharded is bit-equal to whole; a target relative error takes fewer images, whose values are the same."""
    target = edited / "results/tiny/sens/normal_0.08.h5"
    whole = read_sensitivity(target)
    config = edited / "tests/config_tiny.yaml"
    original = config.read_text()
    for extra, check in (("shards: 3", True), ("target_relative_error: 0.9", False)):
        config.write_text(original.replace("steps: 4, batch_size: 32", f"steps: 4, batch_size: 32, {extra}"))
        run_snakemake(edited, *TINY, "results/tiny/sens/normal_0.08.h5")
        got = read_sensitivity(target)
        rows = np.isin(whole.image_index, got.image_index)
        assert np.array_equal(got.maximum, whole.maximum[rows])
        assert np.array_equal(got.minimum, whole.minimum[rows])
        if check:
            assert all(np.array_equal(getattr(got, name), getattr(whole, name)) for name in DIMENSIONS)
        assert not list(edited.glob("results/tiny/unfinished/**/*.*"))


def test_the_summary_is_shown_only_by_a_run_that_made_or_checked_it(edited: Path):
    assert "sensitivity mean" not in run_snakemake(edited, *TINY, "benchmarks").stdout
    (edited / "results/tiny/claims.md").unlink()
    assert "sensitivity mean" in run_snakemake(edited, *TINY, "all").stdout


def test_a_swapped_result_is_refused_in_one_sentence(edited: Path):
    results = edited / "results/tiny"
    for source, target, asked_for, sentence in (
        (
            "sens/adversarial_0.04.h5",
            "sens/normal_0.04.h5",
            "figures/figure2_sensitivity.svg",
            "normal_0.04.h5 is not the one that this run describes: model is adv",
        ),
        (
            "models/adversarial.pt",
            "models/robust_dataset.pt",
            "accuracy/robust_dataset.csv",
            "robust_dataset.pt is not the one that this run describes",
        ),
    ):
        shutil.copy(results / source, results / target)
        done = run_snakemake(edited, *TINY, f"results/tiny/{asked_for}", check=False)
        assert done.returncode != 0
        assert sentence in done.stdout
        assert "Traceback" not in done.stdout


def test_the_target_prints_the_table_and_runs_nothing_else(finished_workflow: Path):
    for _ in range(2):
        done = run_snakemake(finished_workflow, *TINY, "benchmarks")
        assert "peak memory MB" in done.stdout
        assert "1 of 1 steps" in done.stdout
    table = pd.read_csv(finished_workflow / "results/tiny/benchmarks.csv").set_index("rule")
    assert table.loc["measure_sensitivity", "jobs"] == 12
    assert {"fetch_dataset", "train_model", "plot_accuracy", "summarize_results"} <= set(table.index)
