"""The answers that studies read off their tables, and that every table and figure can be made."""

import subprocess
import sys
from importlib import import_module
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from config_cases import PAPER
from feature_sensitivity.analysis.refits import (
    ADVERSARIAL_AS_TRAINED,
    ADVERSARIALLY,
    NORMAL_AS_TRAINED,
    least_sensitive_label,
)
from feature_sensitivity.config.units import epsilon_columns
from feature_sensitivity.reporting.style import save_figure
from feature_sensitivity.runtime.code_closure import code_closure
from feature_sensitivity.studies.crossing.report import crossings
from feature_sensitivity.studies.registry import PLANS, STUDIES
from feature_sensitivity.studies.study import Study

MODELS = ["normal", "adversarial", "robust_dataset"]
PACKAGE = Path(__file__).parents[3] / "workflow_scripts/feature_sensitivity"
COMPARED = [study for study in STUDIES if PLANS[study].variants(PAPER)]
REPORTS: dict[str, Study] = {
    name: import_module(f"feature_sensitivity.studies.{name}.report").STUDY for name in STUDIES
}


def in_unit(frame: pd.DataFrame, unit: str) -> pd.DataFrame:
    """The same table of a run with epsilons in this unit."""
    if "epsilon" not in frame:
        return frame
    recorded = [
        {} if np.isnan(epsilon) else epsilon_columns(f"{epsilon:g}", unit=unit, std=[0.2]) for epsilon in frame.epsilon
    ]
    return frame.drop(columns="epsilon").join(pd.DataFrame(recorded))


def error_bounds(violations: int) -> pd.DataFrame:
    rows = [
        {"model": model, "epsilon": epsilon, "n_images": 100, "clean_error": 0.1, "attacked_error": 0.5, "ci_low": 0.4}
        | {"ci_high": 0.6, "pointwise": 0.75, "classes": 1.0, "pairs": 0.9, "violations": violations}
        | {"classes_low": 0.9, "classes_high": 1.0, "pairs_low": 0.8, "pairs_high": 1.0, "n_tested": 20}
        for model in MODELS
        for epsilon in (0.04, 0.08)
    ]
    return pd.DataFrame(rows)


def convergence() -> pd.DataFrame:
    rows = [
        {"model": model, "epsilon": epsilon, "attack": attack, "steps": steps, "starts": 1, "mean_movement": share / 2}
        | {"gradient_evaluations": steps, "share_of_best": share, "ci_low": share - 0.02, "ci_high": share + 0.02}
        for model in MODELS
        for epsilon, loss in ((0.08, 0), (0.2, 0.3 if model == "normal" else 0.1))
        for attack, steps, share in (
            *(("paper", 20, 0.9 - loss), ("fast", 7, 0.9), ("strong", 300, 0.98)),
            *(("constant", 5, 0.7), ("constant", 20, 0.9 - loss), ("decreasing", 5, 0.8), ("decreasing", 20, 0.95)),
            ("many starts", 400, 1.0),
        )
    ]
    return pd.DataFrame(rows)


def last_layer_refit() -> pd.DataFrame:
    heads = {NORMAL_AS_TRAINED: 0.1, ADVERSARIAL_AS_TRAINED: 0.7, least_sensitive_label(1): 0.2, ADVERSARIALLY: 0.15}
    rows = [
        {"head": head, "n_features": 8, "epsilon": epsilon, "accuracy": accuracy + 0.2 * (epsilon == 0)}
        | {"ci_low": accuracy - 0.05, "ci_high": accuracy + 0.05}
        for head, accuracy in heads.items()
        for epsilon in (0.0, 0.08)
    ]
    return pd.DataFrame(rows)


def norms() -> pd.DataFrame:
    accuracy = {("linf", "normal"): 0.1, ("linf", "adversarial"): 0.7, ("linf", "robust_dataset"): 0.16}
    accuracy |= {("l2", "normal"): 0.2, ("l2", "adversarial"): 0.6, ("l2", "robust_dataset"): 0.4}
    rows = [
        {"norm": norm, "model": model, "epsilon": epsilon, "n_images": 10, "accuracy": share, "ci_low": share - 0.05}
        | {"ci_high": share + 0.05, "sensitivity": 0.3, "sensitivity_low": 0.2, "sensitivity_high": 0.4}
        for (norm, model), share in accuracy.items()
        for epsilon in (0.5, 1.0)
    ]
    return pd.DataFrame(rows)


def test_norms_without_the_models_of_the_paper_still_have_an_answer():
    frame = norms()
    assert REPORTS["norms"].answer(frame).startswith("Gain of robust_dataset over normal, averaged over the epsilons: ")
    assert REPORTS["norms"].answer(frame[frame.model == "adversarial"]) == (
        "Accuracy, averaged over the epsilons: under linf 70.0 % of adversarial; under l2 60.0 % of adversarial."
    )


def crossing(*ratios: float) -> pd.DataFrame:
    epsilon = 0.1 * np.arange(1, len(ratios) + 1)
    ratio = np.array(ratios)
    columns = {"epsilon": epsilon, "normal": ratio, "robust_dataset": 1.0, "ratio": ratio}
    return pd.DataFrame({**columns, "ci_low": ratio - 0.05, "ci_high": ratio + 0.05})


def attack_strength(*, ratio: bool = True) -> pd.DataFrame:
    def row(protocol: str, kind: str, name: str, epsilon: float, value: float, verdict: str = "") -> dict[str, object]:
        interval = {"ci_low": value - 0.1, "ci_high": value + 0.1}
        row = {"protocol": protocol, "kind": kind, "name": name, "epsilon": epsilon, "value": value}
        return row | interval | {"verdict": verdict}

    rows = []
    for protocol, strength in {"paper": 1.0, "fast": 1.05, "strong": 1.5}.items():
        crosses = "reproduced" if protocol != "strong" else "not reproduced"
        rows.append(row(protocol, "claim", "S3", np.nan, np.nan, "reproduced"))
        rows.append(row(protocol, "claim", "S4", np.nan, np.nan, crosses))
        for epsilon in (0.04, 0.2):
            rows += [row(protocol, "accuracy", model, epsilon, 0.5) for model in MODELS]
            rows += [row(protocol, "mean sensitivity / paper's", model, epsilon, strength) for model in MODELS]
            if ratio:
                rows.append(row(protocol, "ratio of mean sensitivities", "normal / robust_dataset", epsilon, strength))
    return pd.DataFrame([*rows, row("apgd", "accuracy", "normal", 0.2, 0.3)])


def definitions() -> pd.DataFrame:
    rows = [
        {"definition": definition, "weight_normalization": weights, "claim": claim, "verdict": verdict}
        | {"n_checks": 4, "n_hold": 2, "n_fail": 1}
        for definition, verdict in (("max_abs", "reproduced"), ("range", "undecided"))
        for weights in ("max_abs", "none")
        for claim in ("S1", "S2")
    ]
    return pd.DataFrame(rows)


TABLES = {
    "definitions": definitions(),
    "error_bounds": error_bounds(0),
    "convergence": convergence(),
    "attack_strength": attack_strength(),
    "last_layer_refit": last_layer_refit(),
    "norms": norms(),
    "crossing": crossing(1.5, 1.1, 0.9),
}


@pytest.mark.parametrize("unit", ["standardized", "pixel"])
@pytest.mark.parametrize("name", STUDIES)
def test_every_study_has_a_table_and_a_figure(name: str, unit: str, tmp_path: Path):
    study, frame = REPORTS[name], in_unit(TABLES[name], unit)
    table = study.table(frame)
    assert len(table)
    assert not table.isna().any().any()
    save_figure(study.figure(frame, models=MODELS, caption="settings"), tmp_path / f"{name}.svg")
    assert (tmp_path / f"{name}.png").stat().st_size > 1000


@pytest.mark.parametrize(
    ("unit", "epsilon", "below", "above", "places"),
    [
        ("standardized", "0.5 (25.5/255)", "standardized units", "255ths of the pixel range", [0.5, 1]),
        ("pixel", "127.5/255 (2.5 standardized)", "255ths of the pixel range", "standardized units", [127.5, 255]),
    ],
)
def test_a_study_shows_epsilons_in_both_units(unit: str, epsilon: str, below: str, above: str, places: list[float]):
    study, frame = REPORTS["norms"], in_unit(norms(), unit)
    assert study.table(frame).epsilon[0] == epsilon
    axes = study.figure(frame, models=MODELS, caption="settings").axes[0]
    assert axes.get_xlabel() == f"linf $\\epsilon$, {below}"
    (second,) = axes.child_axes
    assert second.get_xlabel() == above
    assert axes.containers[0].lines[0].get_xdata().tolist() == places


def test_the_error_bounds_count_contradictions():
    assert "None of the 120 points that were right" in REPORTS["error_bounds"].answer(error_bounds(0))
    assert "6 of 120 points that were right before the attack and wrong after it contradict" in REPORTS[
        "error_bounds"
    ].answer(error_bounds(1))
    table = REPORTS["error_bounds"].table(in_unit(error_bounds(0), "standardized"))
    assert table["pointwise / attacked"][0] == "1.50"


def test_the_best_new_layer_is_not_one_as_trained():
    answer = REPORTS["last_layer_refit"].answer(last_layer_refit())
    assert "(1 % least sensitive) reaches 20.0 (15.0-25.0) %" in answer
    assert "10.0 (5.0-15.0) % of normal as trained" in answer


def test_the_gain_is_given_under_each_norm():
    answer = REPORTS["norms"].answer(norms())
    assert "under linf +6.0 points, 10.0 % of the adversarial model's 60.0" in answer
    assert "under l2 +20.0 points, 50.0 % of the adversarial model's 40.0" in answer


def test_a_crossing_is_interpolated_in_the_logarithm():
    assert crossings(np.array([0.1, 0.2]), np.array([2.0, 0.5])) == pytest.approx([0.15])
    assert crossings(np.array([0.1, 0.2]), np.array([2.0, 1.5])) == []
    assert crossings(np.array([0.1, 0.2, 0.3]), np.array([2.0, 1.0, 0.5])) == [0.2], "a ratio of exactly 1 counts"
    assert "cross at epsilon 0.147" in REPORTS["crossing"].answer(crossing(1.1, 0.9))
    in_pixels = REPORTS["crossing"].answer(in_unit(crossing(1.1, 0.9), "pixel"))
    assert "cross at epsilon 37.6 in 255ths of the pixel range" in in_pixels
    assert "normal is the more sensitive one throughout" in REPORTS["crossing"].answer(crossing(1.5, 1.1))


def test_convergence_states_what_each_protocol_reaches():
    answer = REPORTS["convergence"].answer(convergence())
    assert "paper (20 gradient evaluations) 60.0 to 90.0 %, least for normal at epsilon 0.2" in answer
    assert "fast (7 gradient evaluations) 90.0 to 90.0 %" in answer
    table = REPORTS["convergence"].table(in_unit(convergence(), "standardized"))
    assert len(table) == 6
    paper = table.set_index(["model", "epsilon"])["paper, % of the best known"]
    assert paper["normal", "0.2 (10.2/255)"] == "60.0 (58.0-62.0)"
    assert paper["adversarial", "0.2 (10.2/255)"] == "80.0 (78.0-82.0)"


def test_the_strength_of_the_attack_names_the_verdicts_that_change():
    answer = REPORTS["attack_strength"].answer(attack_strength())
    assert "depends on the protocol for S4 (paper: reproduced, fast: reproduced, strong: not reproduced)." in answer
    assert "At epsilon 0.2 the mean sensitivities of normal / robust_dataset are: paper 1.00 (0.90-1.10)" in answer
    assert "strong 1.50 (1.40-1.60)." in answer
    frame = in_unit(attack_strength(), "standardized")
    assert REPORTS["attack_strength"].table(frame).to_dict("records")[1] == {
        "claim": "S4",
        "paper": "reproduced",
        "fast": "reproduced",
        "strong": "not reproduced",
    }
    blocks = list(REPORTS["attack_strength"].details(frame))
    tables = {
        heading.text: numbers.set_index(["model", "epsilon"])
        for heading, numbers in zip(blocks[::2], blocks[1::2], strict=True)
    }
    assert list(tables["Mean sensitivity / paper's"].columns) == ["fast", "strong"]
    accuracy = tables["Accuracy"].loc[("normal", "0.2 (10.2/255)")]
    assert accuracy.to_dict() == dict.fromkeys(["paper", "fast", "strong"], "50.0 (40.0-60.0) %") | {
        "apgd": "30.0 (20.0-40.0) %"
    }


def test_a_ratio_of_two_sensitivities_of_zero_is_shown():
    frame = in_unit(attack_strength(), "standardized")
    frame.loc[frame.kind == "ratio of mean sensitivities", ["value", "ci_low", "ci_high"]] = np.nan
    _, ratios = list(REPORTS["attack_strength"].details(frame))[:2]
    assert (ratios.strong == "nan (nan-nan)").all()
    assert "strong nan (nan-nan)" in REPORTS["attack_strength"].answer(frame)


def test_the_strength_of_the_attack_does_without_the_models_of_the_crossing(tmp_path: Path):
    study, frame = REPORTS["attack_strength"], attack_strength(ratio=False)
    frame = frame[(frame.kind != "claim") | (frame["name"] == "S3")]
    assert study.answer(frame) == "No claim's verdict depends on the protocol."
    in_units = in_unit(frame.reset_index(drop=True), "standardized")
    save_figure(study.figure(in_units, models=MODELS, caption="settings"), tmp_path / "figure.svg")


def test_definitions_are_counted_by_verdict():
    assert "S1 reproduced by 2, undecided by 2" in REPORTS["definitions"].answer(definitions())


def test_scripts_of_the_report_environment_do_not_import_torch():
    scripts = ["judge_claims", "report_study", "summarize_results", "tabulate_benchmarks"]
    scripts += ["plot_accuracy", "plot_construction", "plot_learning", "plot_quantiles", "plot_sensitivity"]
    scripts += ["plot_tradeoff"]
    scripts += ["compare_study", *(f"feature_sensitivity.studies.{study}.report" for study in STUDIES)]
    scripts += [f"feature_sensitivity.studies.{study}.measurement" for study in COMPARED]
    code = f"import sys, {', '.join(scripts)}; sys.exit('torch' in sys.modules)"
    folder = Path(__file__).parents[3] / "workflow_scripts"
    subprocess.run([sys.executable, "-c", code], cwd=folder, check=True)


def test_editing_a_report_reruns_no_measurement():
    for study in STUDIES:
        files = code_closure(PACKAGE / f"studies/{study}/measurement.py")
        assert not [file for file in files if file.name == "report.py" or file.parent.name == "figures"]


def test_editing_a_plan_repeats_no_attack():
    for study in set(STUDIES) - set(COMPARED):
        assert PACKAGE / f"studies/{study}/plan.py" not in code_closure(PACKAGE / f"studies/{study}/measurement.py")
