"""The studies, from a finished run."""

from pathlib import Path

import pandas as pd
import pytest

from feature_sensitivity.studies.registry import STUDIES
from snakemake_runs import PACKAGE, TINY, append_comment, planned, run_snakemake

pytestmark = pytest.mark.workflow


OF_EVERY_PROTOCOL = ("convergence", "attack_strength")


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


def test_editing_the_figure_of_a_study_reruns_the_report_of_studies_only(edited: Path):
    run_snakemake(edited, *TINY, "definitions")
    for file in ("table", "figure", "report"):
        path = edited / PACKAGE / f"studies/definitions/{file}.py"
        if path.exists():
            append_comment(path)
    assert planned(edited, *TINY, "all", "definitions") == {"report_study": 1, "definitions": 1}
