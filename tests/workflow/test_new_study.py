"""A study that somebody adds: its folder and its line in the registry are enough for the rules."""

from pathlib import Path

import pytest

from snakemake_runs import planned

pytestmark = pytest.mark.workflow

PLAN = """
from feature_sensitivity.studies.plan import StudyPlan, Variant

PLAN = StudyPlan(
    name="wider",
    columns=("model", "epsilon"),
    rows=lambda scope: [(model, epsilon) for model in scope.models for epsilon in scope.numbers],
    variants=lambda config: {
        "wide": Variant(folder="wider", epsilons=["0.5"], accuracy={}, sensitivity={"images": 8}, has_figures=True)
    },
)
"""


def test_a_study_needs_its_folder_and_a_line(workflow: Path):
    studies = workflow / "workflow_scripts/feature_sensitivity/studies"
    (studies / "wider").mkdir()
    for name, text in {
        "__init__": "",
        "plan": PLAN,
        "measurement": '"""Numbers."""',
        "report": '"""Report."""',
    }.items():
        (studies / "wider" / f"{name}.py").write_text(text)
    registry = studies / "registry.py"
    registry.write_text(registry.read_text().replace('    "crossing",\n', '    "crossing",\n    "wider",\n'))
    plan = planned(workflow, "wider")
    assert plan["report_study"] == plan["compare_study"] == plan["wider"] == 1
    assert plan["measure_accuracy_of_variant"] == plan["measure_sensitivity_of_variant"] == 3
    assert plan["plot_accuracy_of_variant"] == plan["plot_sensitivity_of_variant"] == 1
    assert plan["measure_sensitivity"] == plan["measure_study"] == 0
