"""The comparison of protocols, on numbers small enough to follow."""

import numpy as np
import pandas as pd
import pytest
import yaml

from feature_sensitivity.analysis.estimates import Estimate
from feature_sensitivity.analysis.run import Run
from feature_sensitivity.config.protocols import PROTOCOLS, with_protocols
from feature_sensitivity.studies.attack_strength.measurement import attack_comparison
from feature_sensitivity.studies.attack_strength.plan import PLAN
from snakemake_runs import ROOT

CHECKS = {"model": "normal", "epsilon": 0.2, "n_images": 9, "n_correct": 1, "accuracy": 0.1, "ci_low": 0.0}
APGD = pd.DataFrame([{"attack": "apgd", "ci_high": 0.3, **CHECKS}])
PAPER = with_protocols(yaml.safe_load((ROOT / "config.yaml").read_text()))


def run(**movements: float) -> Run:
    """A run of these models at epsilon 0.2: every feature moves by so much, times 1 to 3 over the images."""
    by_image = np.array([1.0, 2.0, 3.0])[None, :, None] * np.ones((1, 3, 4))
    return Run(
        accuracy={(model, 0.2): Estimate(0.5, 0.4, 0.6) for model in movements},
        movement={(model, 0.2): movement * by_image for model, movement in movements.items()},
        n_classes=10,
        recorded={0.2: {"epsilon": 0.2, "epsilon_255": 10.0}},
    )


def test_protocols_stand_side_by_side():
    runs = {"paper": run(normal=1.0, robust_dataset=2.0), "strong": run(normal=3.0, robust_dataset=2.0)}
    table = attack_comparison(runs, APGD).set_index(["protocol", "kind", "name"])
    ratio = table.xs("ratio of mean sensitivities", level="kind").value
    assert ratio["paper", "normal / robust_dataset"] == pytest.approx(0.5)
    assert ratio["strong", "normal / robust_dataset"] == pytest.approx(1.5)
    relative = table.xs("mean sensitivity / paper's", level="kind")
    assert relative.value["strong", "normal"] == pytest.approx(3)
    assert relative.value["paper", "normal"] == relative.value["strong", "robust_dataset"] == 1
    assert relative.ci_low["strong", "normal"] == pytest.approx(3), "the images are the same, so their spread cancels"
    assert table.value["paper", "mean sensitivity", "normal"] == pytest.approx(2)
    assert table.epsilon_255["strong", "accuracy", "normal"] == table.epsilon_255["apgd", "accuracy", "normal"] == 10
    assert table.value["apgd", "accuracy", "normal"] == 0.1
    claims = table.xs("claim", level="kind").loc["strong"]
    assert claims.index.tolist() == ["A1", "A2", "A3", "A4", "A5", "S1", "S2", "S3", "S4", "S5"]


def test_without_the_models_of_the_crossing_there_is_no_ratio():
    table = attack_comparison({"paper": run(mine=1.0), "strong": run(mine=2.0)}, APGD.head(0))
    assert "ratio of mean sensitivities" not in set(table.kind)
    assert set(table[table.kind == "claim"].verdict) == {"undecided", "not applicable"}


@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_protocol_replaces_the_numbers_of_the_run(name: str):
    config = {**PAPER, "sensitivity": {**PAPER["sensitivity"], "restarts": 9, "steps": 9, "momentum": 0.3}}
    changed = PLAN.variants(config)[name].changed(config)["sensitivity"]
    assert {key: changed[key] for key in PROTOCOLS[name]} == PROTOCOLS[name]
    assert changed["images"] == PAPER["studies"]["attack_strength"]["images"]
    assert changed["norm"] == PAPER["sensitivity"]["norm"]


def test_accuracies_have_no_surrogate_steps_and_auto_pgd_once():
    config = {**PAPER, "accuracy": {**PAPER["accuracy"], "stronger_attack": "apgd"}}
    changes = {name: variant.accuracy for name, variant in PLAN.variants(config).items()}
    assert all(change.keys() <= config["accuracy"].keys() for change in changes.values())
    assert [change["stronger_attack"] for change in changes.values()] == ["apgd", None, None]


@pytest.mark.parametrize(
    ("measured", "wanted", "features"),
    [(None, None, None), (None, 4, 4), (8, None, 8), (8, 4, 4), (2, 4, 2), ([5, 3, 9], 2, [5, 3]), ([5], None, [5])],
)
def test_the_study_takes_the_first_of_the_features_that_are_measured(
    measured: int | list[int] | None, wanted: int | None, features: int | list[int] | None
):
    study = {**PAPER["studies"]["attack_strength"], "features": wanted}
    sensitivity = {**PAPER["sensitivity"], "features": measured}
    config = {**PAPER, "sensitivity": sensitivity, "studies": {"attack_strength": study}}
    assert PLAN.variants(config)["fast"].sensitivity["features"] == features
