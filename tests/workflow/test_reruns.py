"""What a change after a finished run reruns."""

import re
from pathlib import Path

import pandas as pd
import pytest

from feature_sensitivity.runtime.code_closure import source_files
from snakemake_runs import PACKAGE, ROOT, TINY, append_comment, planned, run_snakemake

pytestmark = pytest.mark.workflow


MEASURING = {"train_model", "construct_dataset", "measure_accuracy", "measure_sensitivity", "measure_attacked_features"}


def test_nothing_is_left_to_do_after_a_run(finished_workflow: Path):
    assert planned(finished_workflow, *TINY, "all") == {}


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


def test_a_rule_depends_on_what_its_script_imports():
    files = {str(path) for path in source_files(ROOT / "workflow_scripts/measure_sensitivity.py")}
    for module in (
        "attacks/pgd",
        "attacks/random_starts",
        "evaluation/feature_extrema",
        "evaluation/sensitivity_file",
        "networks/architectures/resnet18",
    ):
        assert any(file.endswith(f"{PACKAGE}/{module}.py") for file in files)
    assert not any("/reporting/" in file for file in files)
