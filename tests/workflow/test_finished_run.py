"""What a run leaves, and what a change after it reruns."""

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
from feature_sensitivity.studies.registry import STUDIES
from snakemake_runs import TINY, planned, run_snakemake

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


def test_a_second_seed_adds_to_a_finished_run(edited: Path):
    """The first seed's models stay; the replicates differ from them, and their spread is shown."""
    results = edited / "results/tiny"
    first = (results / "models/normal.pt").read_bytes()
    config = edited / "tests/config_tiny.yaml"
    config.write_text(config.read_text() + 'seeds: [0, 1]\nepsilons: ["0.08"]\n')
    plan = planned(edited, *TINY, "all")
    assert plan["train_model"] == plan["measure_sensitivity"] == 3
    assert plan["construct_dataset"] == 0
    assert planned(edited, *TINY, "definitions")["train_model"] == 0, "studies are of the first seed's models"
    run_snakemake(edited, *TINY, "all")
    assert (results / "models/normal.pt").read_bytes() == first
    checkpoints = [torch.load(results / f"models/{name}.pt", weights_only=True) for name in ("normal", "normal_seed1")]
    assert [checkpoint["seed"] for checkpoint in checkpoints] == [0, 1]
    weights = [checkpoint["state_dict"]["fc.weight"] for checkpoint in checkpoints]
    assert not torch.equal(*weights)
    files = [read_sensitivity(results / f"sens/{name}_0.08.h5") for name in ("normal", "normal_seed1")]
    assert np.array_equal(files[0].image_index, files[1].image_index)
    assert [file.attributes["seed"] for file in files] == [0, 0]
    summary = pd.read_csv(results / "summary.csv")
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


def test_a_few_faults_are_survived(finished_workflow: Path, tmp_path: Path):
    counts = {"kill": 3, "full disk": 2, "read-only": 1, "two at once": 1, "bad input": 8}
    if os.geteuid() != 0:
        del counts["full disk"]  # which needs root
    rows = run_trials(tmp_path, finished_workflow, counts, command=TINY, targets=["all"])
    assert [row for row in rows if not row["survived"]] == []
    assert len(rows) == sum(counts.values())


def test_studies_are_targets_of_their_own(finished_workflow: Path):
    assert "report_study" not in planned(finished_workflow, *TINY, "all")
    assert planned(finished_workflow, *TINY, "definitions") == {
        "compare_study": 1,
        "report_study": 1,
        "definitions": 1,
    }
    plan = planned(finished_workflow, *TINY, "studies")
    assert plan["report_study"] == 7
    assert plan["measure_study"] == 24
    assert plan["measure_sensitivity"] == plan["train_model"] == 0, "they rest on what the run has"


def test_claim_s6_rests_on_the_last_layer_refit(finished_workflow: Path):
    claims = pd.read_csv(finished_workflow / "results/tiny/claims.csv").set_index("claim")
    assert "% least sensitive" in claims.numbers["S6"]


OF_EVERY_PROTOCOL = ("convergence", "attack_strength")


def test_the_studies_run_and_are_reported(edited: Path):
    """Every study from a finished run, which it leaves as it is; the report has a page for each."""
    others = [study for study in STUDIES if study not in OF_EVERY_PROTOCOL]
    run_snakemake(edited, *TINY, *others)
    # They measure everything under every protocol: one epsilon is enough.
    run_snakemake(edited, *TINY[:-1], "--config", 'epsilons=["0.08"]', "--", *OF_EVERY_PROTOCOL)
    for study in STUDIES:
        for suffix in (".md", ".html", ".svg", ".png"):
            assert (edited / f"results/tiny/studies/{study}{suffix}").stat().st_size > 300
    for protocol in ("paper", "fast", "strong"):
        for figure in ("figure1_accuracy.png", "figure2_sensitivity.png"):
            assert (edited / f"results/tiny/studies/attack_strength/{protocol}/{figure}").stat().st_size > 1000
    assert pd.concat(map(pd.read_csv, edited.glob("results/tiny/studies/error_bounds/*.csv"))).violations.ge(0).all()
    assert planned(edited, *TINY, "all") == {}, "the plan does not depend on what is there besides"
    (edited / "words.toml").write_text('introduction = ["Small."]\n')
    words, only = ("--config", "interpretation=words.toml"), ("--allowed-rules", "write_reference")
    run_snakemake(edited, *TINY[:-1], *words, *only, "--", "results/tiny/reference/reference.md")
    assert "\n\nSmall.\n\n" in (edited / "results/tiny/reference/reference.md").read_text()
    run_snakemake(edited, *TINY[:-1], "--report", "report.html", "--", "all", *others)
    report = (edited / "report.html").read_text()
    assert "The paper's claims: " in report, "what the report opens with"
    for category in (
        "0 At a glance",
        "1 Models",
        "2 Accuracy",
        "3 Sensitivity of features",
        "5 Claims",
        "6 Open questions",
    ):
        assert category in report


def test_nothing_is_left_to_do_after_a_run(finished_workflow: Path):
    assert planned(finished_workflow, *TINY, "all") == {}


@pytest.fixture
def edited(finished_workflow: Path, tmp_path: Path) -> Path:
    """A copy of the finished run, free to be edited."""
    folder = tmp_path / "edited"
    shutil.copytree(finished_workflow, folder, symlinks=True)
    return folder


def append_comment(path: Path) -> None:
    path.write_text(path.read_text() + "\n# edited\n")


PACKAGE = "workflow_scripts/feature_sensitivity"


def test_a_network_trained_elsewhere_is_measured_as_the_others(edited: Path):
    """Its weights are those of ``normal``, so all that is measured of it must be equal. It has no replicates."""
    results = edited / "results/tiny"
    shutil.copy(results / "models/normal.pt", edited / "mine.pt")
    config = edited / "tests/config_tiny.yaml"
    settings = 'models: {mine: {dataset: digits, weights: mine.pt}}\nepsilons: ["0.08"]\nseeds: [0, 1]\n'
    config.write_text(config.read_text() + settings)
    plan = planned(edited, *TINY, "all")
    assert (plan["import_model"], plan["train_model"], plan["measure_sensitivity"]) == (1, 3, 4)
    run_snakemake(edited, *TINY, "all")
    mine, normal = (read_sensitivity(results / f"sens/{name}_0.08.h5") for name in ("mine", "normal"))
    assert np.array_equal(mine.maximum, normal.maximum)
    accuracies = [pd.read_csv(results / f"accuracy/{name}.csv").n_correct for name in ("mine", "normal")]
    assert accuracies[0].tolist() == accuracies[1].tolist()
    summary = pd.read_csv(results / "summary.csv").query("model == 'mine'")
    assert summary.n_seeds.tolist() == [1, 1]
    rows = [line for line in (results / "summary.md").read_text().splitlines() if line.startswith("| mine")]
    assert len(rows) == 2
    assert not any("nan" in row or "±" in row for row in rows)
    assert planned(edited, *TINY, "all").total() == 0
    shutil.copy2(results / "models/adversarial.pt", edited / "mine.pt")
    os.utime(edited / "mine.pt", (0, 0))
    assert planned(edited, *TINY, "all")["import_model"] == 1, "another network, though its file is older"


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


def test_editing_the_figures_reruns_the_figures_only(edited: Path):
    append_comment(edited / PACKAGE / "reporting/style.py")
    figures = {
        f"plot_{name}"
        for name in ("accuracy", "sensitivity", "learning", "quantiles", "tradeoff", "construction", "measures")
    } | {"plot_extremal_images"}
    assert set(planned(edited, *TINY, "all")) == {*figures, "draw_explorer", "write_overview", "all"}


def test_editing_the_attack_reruns_all_that_use_it(edited: Path):
    append_comment(edited / PACKAGE / "attacks/pgd.py")
    plan = planned(edited, *TINY, "all")
    assert plan["train_model"] == 3
    assert plan["construct_dataset"] == 1
    assert plan["measure_accuracy"] == 3
    assert plan["measure_sensitivity"] == 12
    assert plan["measure_attacked_features"] == 3
    assert plan["fetch_dataset"] == 0


def test_another_definition_reruns_no_attack(edited: Path):
    config = edited / "tests/config_tiny.yaml"
    config.write_text(config.read_text().replace("sensitivity: {", "sensitivity: {definition: range, "))
    plan = planned(edited, *TINY, "all")
    assert plan["measure_sensitivity"] == plan["measure_attacked_features"] == 0
    assert plan["plot_sensitivity"] == plan["summarize_results"] == plan["derive_measures"] == 1
    figure = "results/tiny/figures/accuracy_against_sensitivity.svg"
    run_snakemake(edited, *TINY, figure)
    words = re.sub(r"<[^>]*>", " ", (edited / figure).read_text()).split()
    assert words[words.index("definition") + 1] == "range,"


def test_more_images_for_accuracies_repeat_nothing_else_that_is_measured(edited: Path):
    config = edited / "tests/config_tiny.yaml"
    config.write_text(config.read_text().replace("accuracy: {images: 60", "accuracy: {images: 70"))
    assert {*planned(edited, *TINY, "all")} & MEASURING == {"measure_accuracy"}


MEASURING = {"train_model", "construct_dataset", "measure_accuracy", "measure_sensitivity", "measure_attacked_features"}


def test_editing_the_figure_of_a_study_reruns_the_report_of_studies_only(edited: Path):
    run_snakemake(edited, *TINY, "definitions")
    for file in ("table", "figure", "report"):
        path = edited / PACKAGE / f"studies/definitions/{file}.py"
        if path.exists():
            append_comment(path)
    assert planned(edited, *TINY, "all", "definitions") == {"report_study": 1, "definitions": 1}


def test_other_measures_derive_only(edited: Path):
    config = edited / "tests/config_tiny.yaml"
    config.write_text(f"{config.read_text()}\nmeasures: [usefulness, linearity]\n")
    rules = {"derive_measures", "plot_measures", "draw_explorer", "judge_claims", "write_overview", "all"}
    assert set(planned(edited, *TINY, "all")) == rules
    run_snakemake(edited, *TINY, "results/tiny/figures/useful_features.svg")
    assert {*pd.read_csv(edited / "results/tiny/features.csv").measure} == {"usefulness", "linearity"}


def test_another_weight_normalization_measures_nothing(edited: Path):
    path = edited / PACKAGE / "evaluation/sensitivity.py"
    new = 'WEIGHT_NORMALIZATIONS = {**WEIGHT_NORMALIZATIONS, "first": lambda weight: weight[0]}'
    path.write_text(f"{path.read_text()}\n{new}\n")
    plan = planned(edited, *TINY, "all")
    assert plan.keys().isdisjoint(MEASURING)
    assert plan["plot_sensitivity"] == plan["summarize_results"] == 1


def test_another_threshold_of_robust_overfitting_trains_nothing(edited: Path):
    path = edited / PACKAGE / "evaluation/robust_overfitting.py"
    path.write_text(f"{path.read_text()}\nFALL = 0.5\n")
    assert set(planned(edited, *TINY, "all")) == {"summarize_results", "plot_tradeoff", "all"}


def test_rewording_an_error_of_the_check_of_a_split_reruns_nothing(edited: Path):
    path = edited / PACKAGE / "data/split_check.py"
    text = path.read_text()
    assert "the smallest label is" in text
    path.write_text(text.replace("the smallest label is", "there is a label"))
    assert planned(edited, *TINY, "all") == {}


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
            "normal_0.04.h5 is of another measurement than this run's: model is adv",
        ),
        (
            "models/adversarial.pt",
            "models/robust_dataset.pt",
            "accuracy/robust_dataset.csv",
            "robust_dataset.pt is not the one that the configuration describes",
        ),
    ):
        shutil.copy(results / source, results / target)
        done = run_snakemake(edited, *TINY, f"results/tiny/{asked_for}", check=False)
        assert done.returncode != 0
        assert sentence in done.stdout
        assert "Traceback" not in done.stdout


def test_editing_a_script_reruns_its_rule(edited: Path):
    append_comment(edited / "workflow_scripts/judge_claims.py")
    assert set(planned(edited, *TINY, "all")) == {"judge_claims", "write_overview", "all"}


def test_editing_what_a_job_prints_reruns_nothing(edited: Path):
    append_comment(edited / PACKAGE / "runtime/console.py")
    assert planned(edited, *TINY, "all") == {}


def test_a_fresh_clone_beside_old_results_reruns_nothing(edited: Path):
    for path in (edited / "workflow_scripts").rglob("*.py"):
        path.touch()
    assert planned(edited, *TINY, "all") == {}


def test_a_rule_names_what_its_script_imports(finished_workflow: Path):
    target = "results/tiny/sens/normal_0.04.h5"
    summary = run_snakemake(finished_workflow, "--detailed-summary", *TINY, target).stdout
    line = next(line for line in summary.splitlines() if line.startswith(f"{target}\t"))
    for module in (
        "attacks/pgd",
        "attacks/random_starts",
        "evaluation/feature_extrema",
        "evaluation/sensitivity_file",
        "networks/architectures/resnet18",
    ):
        assert f"{PACKAGE}/{module}.py" in line
    assert "workflow_scripts/measure_sensitivity.py" in line
    assert "reporting/" not in line


def test_the_target_prints_the_table_and_runs_nothing_else(finished_workflow: Path):
    for _ in range(2):
        done = run_snakemake(finished_workflow, *TINY, "benchmarks")
        assert "peak memory MB" in done.stdout
        assert "1 of 1 steps" in done.stdout
    table = pd.read_csv(finished_workflow / "results/tiny/benchmarks.csv").set_index("rule")
    assert table.loc["measure_sensitivity", "jobs"] == 12
    assert {"fetch_dataset", "train_model", "plot_accuracy", "summarize_results"} <= set(table.index)
