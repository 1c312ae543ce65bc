"""Each rule is given data that make its claim reproduced, not reproduced and undecided."""

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from feature_sensitivity.analysis.accuracy_interval import wilson_interval
from feature_sensitivity.analysis.claims import CLAIMS, judge
from feature_sensitivity.analysis.estimates import Estimate
from feature_sensitivity.analysis.refits import Refits
from feature_sensitivity.analysis.run import Run, run_from
from feature_sensitivity.analysis.verdicts import (
    NOT_APPLICABLE,
    NOT_REPRODUCED,
    REPRODUCED,
    UNDECIDED,
    Check,
    below,
    every,
    judged,
)
from feature_sensitivity.config.models import PAPER_MODELS
from feature_sensitivity.config.units import in_both_units
from feature_sensitivity.evaluation.sensitivity_file import SensitivityFile
from feature_sensitivity.reporting.claims import claims_table
from snakemake_runs import ROOT

EPSILONS = (0.04, 0.06, 0.08, 0.2)
N_IMAGES, N_FEATURES = 40, 400

Change = Callable[[Run], Run]


def share(percent: float, n_images: int = 10_000) -> Estimate:
    n_correct = round(percent / 100 * n_images)
    return Estimate(n_correct / n_images, *wilson_interval(n_correct, n_images))


def right(percent: float, n_images: int = 10_000) -> np.ndarray:
    """The first images are classified correctly, [1 seed, n_images]."""
    return np.arange(n_images)[None] < round(percent / 100 * n_images)


def movement(mean: float, *, spread_of_images: float = 0.05) -> np.ndarray:
    """Movements [1 seed, n_images, n_features]: normally distributed over features, and over images."""
    features = 1 + 0.2 * stats.norm.ppf((np.arange(N_FEATURES) + 0.5) / N_FEATURES)
    images = 1 + spread_of_images * np.random.default_rng(int(mean * 1e6)).standard_normal(N_IMAGES)
    return mean * images[None, :, None] * features


def as_in_the_paper() -> Run:
    """A run in which every claim of the paper is true."""
    accuracies = {
        "normal": (95, 20, 8, 2, 0),
        "adversarial": (90, 80, 75, 70, 30),
        "robust_dataset": (80, 25, 12, 5, 0),
    }
    sensitivities = {
        "normal": (0.3, 0.4, 0.5, 0.8),
        "adversarial": (0.05, 0.08, 0.1, 0.25),
        "robust_dataset": (0.28, 0.37, 0.47, 0.85),
    }
    refits = Refits(
        normal=share(2), adversarial=share(70), refitted={"1 % least sensitive": share(3), "adversarially": share(5)}
    )
    percents = {(m, e): p for m in PAPER_MODELS for e, p in zip((0, *EPSILONS), accuracies[m], strict=True)}
    return Run(
        accuracy={key: share(percent) for key, percent in percents.items()},
        correct={key: right(percent) for key, percent in percents.items()},
        movement={(m, e): movement(s) for m in PAPER_MODELS for e, s in zip(EPSILONS, sensitivities[m], strict=True)},
        margin={model: np.ones((1, N_IMAGES)) for model in PAPER_MODELS},
        n_classes=10,
        refits=refits,
        robust_share={("normal", e): Estimate(0.01, 0.0, 0.04) for e in EPSILONS},
    )


def accuracy(model: str, epsilon: float, percent: float) -> Change:
    return lambda run: replace(
        run,
        accuracy={**run.accuracy, (model, epsilon): share(percent)},
        correct={**run.correct, (model, epsilon): right(percent)},
    )


def few_images(n: int, run: Run) -> Run:
    """The same run with accuracies of so many images."""
    percents = {key: 100 * correct.mean() for key, correct in run.correct.items()}
    return replace(
        run,
        accuracy={key: share(percent, n) for key, percent in percents.items()},
        correct={key: right(percent, n) for key, percent in percents.items()},
    )


def moved(model: str, epsilon: float, values: np.ndarray) -> Change:
    return lambda run: replace(run, movement={**run.movement, (model, epsilon): values})


def robust(low: float, high: float) -> Change:
    return lambda run: replace(run, robust_share={**run.robust_share, ("normal", 0.06): Estimate(low, low, high)})


def head(percent: float, n_images: int = 10_000) -> Change:
    def change(run: Run) -> Run:
        assert run.refits is not None
        refitted = {**run.refits.refitted, "adversarially": share(percent, n_images)}
        return replace(run, refits=replace(run.refits, refitted=refitted))

    return change


skewed = 0.3 * np.ones((1, N_IMAGES, 1)) * stats.expon.ppf((np.arange(N_FEATURES) + 0.5) / N_FEATURES)
few_features = movement(0.3)[..., ::20]
vague = partial(movement, spread_of_images=3.0)

CASES: dict[str, tuple[Change, Change]] = {
    # claim: (what makes it not reproduced, what makes it undecided)
    "A1": (accuracy("adversarial", 0, 96), accuracy("normal", 0, 90.01)),
    "A2": (accuracy("robust_dataset", 0.06, 40), accuracy("robust_dataset", 0.06, 25.02)),
    "A3": (accuracy("normal", 0.2, 5), partial(few_images, 50)),
    "A4": (accuracy("adversarial", 0.08, 35), accuracy("adversarial", 0.2, 20.2)),
    "A5": (accuracy("robust_dataset", 0.04, 0), partial(few_images, 20)),
    "S1": (moved("normal", 0.04, skewed), moved("normal", 0.04, few_features)),
    "S2": (moved("adversarial", 0.06, movement(0.04)), moved("adversarial", 0.06, vague(0.05))),
    "S3": (moved("robust_dataset", 0.2, movement(0.3)), moved("adversarial", 0.2, vague(0.4))),
    "S4": (moved("normal", 0.2, movement(0.95)), moved("normal", 0.2, vague(0.84))),
    "S5": (moved("adversarial", 0.2, movement(1.0)), moved("adversarial", 0.2, vague(0.8))),
    "S6": (head(40), head(20, n_images=50)),
    "C1": (moved("normal", 0.04, movement(0.6)), moved("normal", 0.04, few_features)),
    "U1": (robust(0.06, 0.2), robust(0.0, 0.06)),
}


def verdicts(run: Run) -> dict[str, str]:
    return {judgement.claim.name: judgement.verdict for judgement in judge(run)}


def test_every_claim_is_judged_in_the_order_of_the_paper() -> None:
    assert [claim.name for claim in CLAIMS] == [*CASES, "M1"]


def test_on_the_papers_own_results_every_claim_is_reproduced() -> None:
    assert verdicts(as_in_the_paper()) == {**dict.fromkeys(CASES, REPRODUCED), "M1": NOT_APPLICABLE}


@pytest.mark.parametrize("name", CASES)
def test_a_clear_contradiction_is_not_reproduced(name: str) -> None:
    change, _ = CASES[name]
    assert verdicts(change(as_in_the_paper()))[name] == NOT_REPRODUCED


@pytest.mark.parametrize("name", CASES)
def test_wide_intervals_are_undecided(name: str) -> None:
    _, change = CASES[name]
    assert verdicts(change(as_in_the_paper()))[name] == UNDECIDED


def test_what_the_run_lacks_is_undecided_with_the_reason() -> None:
    paper = as_in_the_paper()
    only = {key: value for key, value in paper.accuracy.items() if key[0] != "adversarial"}
    judged = {j.claim.name: j for j in judge(replace(paper, accuracy=only, refits=None))}
    assert judged["A4"].verdict == judged["S6"].verdict == UNDECIDED
    assert judged["A4"].reason == "this run has no accuracy of adversarial at epsilon 0.08"
    assert "the last layer was not fitted again" in judged["S6"].reason
    assert judged["A3"].verdict == REPRODUCED


def test_without_a_normal_model_or_counts_u1_is_undecided():
    paper = as_in_the_paper()
    (judgement,) = (j for j in judge(replace(paper, robust_share={})) if j.claim.name == "U1")
    assert judgement.verdict == UNDECIDED
    assert judgement.reason == "this run has no count of useful features of normal at epsilon 0.04"


def test_no_pair_of_accuracies_that_are_apart_leaves_s5_open() -> None:
    paper = as_in_the_paper()
    judged = {j.claim.name: j for j in judge(replace(paper, correct=dict.fromkeys(paper.correct, right(50))))}
    assert judged["S5"].verdict == UNDECIDED
    assert "no two accuracies differ" in judged["S5"].reason


@pytest.mark.parametrize(("falling", "verdict"), [(True, REPRODUCED), (False, NOT_REPRODUCED)])
def test_over_many_models_the_rank_correlation_is_judged(falling: bool, verdict: str) -> None:
    models = [f"model{n}" for n in range(10)]
    percents = {(model, 0.1): 80 - 5 * n if falling else 30 + 5 * n for n, model in enumerate(models)}
    run = Run(
        accuracy={key: share(percent) for key, percent in percents.items()},
        correct={key: right(percent) for key, percent in percents.items()},
        movement={(model, 0.1): movement(1.0 + n) for n, model in enumerate(models)},
        n_classes=10,
    )
    judged = {j.claim.name: j for j in judge(run)}
    assert judged["M1"].verdict == judged["S5"].verdict == verdict
    assert [check.label for check in judged["M1"].checks] == ["rank correlation with accuracy of 10 models at 0.1"]


def test_other_models_of_a_run_do_not_change_what_is_said_of_the_papers() -> None:
    paper = as_in_the_paper()
    others = {f"model{n}": movement(1.0 + n) for n in range(4)}
    more = replace(
        paper,
        accuracy={**paper.accuracy, **{(name, e): share(90) for name in others for e in (0, *EPSILONS)}},
        correct={**paper.correct, **{(name, e): right(90) for name in others for e in (0, *EPSILONS)}},
        movement={**paper.movement, **{(name, e): values for name, values in others.items() for e in EPSILONS}},
    )
    assert {**verdicts(more), "M1": NOT_APPLICABLE} == verdicts(paper)


def test_in_a_run_of_other_models_claims_about_every_model_are_judged_on_them() -> None:
    paper = as_in_the_paper()

    def renamed(numbers: Mapping[tuple[str, float], Any]) -> dict[tuple[str, float], Any]:
        return {(f"my_{model}", epsilon): value for (model, epsilon), value in numbers.items()}

    run = replace(
        paper,
        accuracy=renamed(paper.accuracy),
        correct=renamed(paper.correct),
        movement=renamed(paper.movement),
        robust_share={},
        refits=None,
    )
    assert {name for name, verdict in verdicts(run).items() if verdict == REPRODUCED} == {"A2", "S1", "S2", "S5"}
    assert {*verdicts(run).values()} == {REPRODUCED, NOT_APPLICABLE}


def test_a_common_factor_of_all_logits_changes_no_verdict_in_units_of_margins() -> None:
    """Logits of ``adversarial`` ten times as large make it as sensitive, but no less robust."""
    paper = as_in_the_paper()
    scaled = replace(
        paper,
        movement={key: values * (10 if key[0] == "adversarial" else 1) for key, values in paper.movement.items()},
        margin={**paper.margin, "adversarial": 10 * paper.margin["adversarial"]},
    )
    before, after = ({j.claim.name: j for j in judge(run)} for run in (paper, scaled))
    for name in ("S3", "S4", "S5"):
        assert before[name].in_margins.verdict == after[name].in_margins.verdict == REPRODUCED
    assert after["S3"].verdict == NOT_REPRODUCED
    assert after["A1"].in_margins is None


def test_one_of_many_numbers_beyond_its_threshold_by_chance_does_not_refute_a_claim() -> None:
    """Holm's correction: of two numbers at p = 0.03 neither fails, at p = 0.01 one does."""
    value = Estimate(0.0, -1.0, 1.0)

    def check(p: float) -> Check:
        return below("", value, -float(stats.norm.isf(p / 2) / stats.norm.isf(0.025)))

    assert [c.p_failure for c in (check(0.03), check(0.01))] == pytest.approx([0.03, 0.01])
    assert [c.holds for c in judged([check(0.03)])] == [False]
    assert [c.holds for c in judged([check(0.03), below("", value, 2)])] == [None, True]
    assert [c.holds for c in judged([check(0.01), below("", value, 2)])] == [False, True]
    assert [c.holds for c in judged([check(0.03), check(0.01)])] == [False, False]


def seeds(run: Run, *factors: float) -> Run:
    """A run whose movements of ``normal`` differ from seed to seed by these factors."""
    scale = np.array(factors)[:, None, None]
    return replace(
        run,
        movement={
            key: values * (scale if key[0] == "normal" else np.ones_like(scale)) for key, values in run.movement.items()
        },
    )


def test_seeds_that_agree_keep_every_verdict() -> None:
    assert verdicts(seeds(as_in_the_paper(), 1, 1, 1)) == verdicts(as_in_the_paper())


def test_a_spread_between_seeds_leaves_open_what_one_seed_decided() -> None:
    spread = verdicts(seeds(as_in_the_paper(), 0.7, 1, 1.3))
    assert spread["S4"] == UNDECIDED
    assert spread["S2"] == REPRODUCED, "within each seed sensitivities grow by the same ratio"


def test_a_model_with_seeds_is_compared_with_one_that_has_none() -> None:
    run = seeds(as_in_the_paper(), 1, 1.2)
    lone = replace(run, movement={key: v if key[0] == "normal" else v[:1] for key, v in run.movement.items()})
    assert lone.sensitivity_ratio(("adversarial", 0.08), ("normal", 0.08)) == run.sensitivity_ratio(
        ("adversarial", 0.08), ("normal", 0.08)
    )
    assert verdicts(lone) == verdicts(run)


def test_a_run_is_the_mean_of_its_replicates() -> None:
    """Movements by replicate are stacked in the order of the files; accuracies are means."""
    files = [
        file(name, epsilon, value) for name, value in (("normal", 1.0), ("normal_seed1", 3.0)) for epsilon in (0.1, 0.2)
    ]
    accuracy = pd.DataFrame(
        [
            {"model": name, "epsilon": 0.1, "n_correct": n, "accuracy": n / 10, "ci_low": n / 10, "ci_high": n / 10}
            for name, n in (("normal", 4), ("normal_seed1", 6))
        ]
    )
    run = run_from(accuracy, files, definition="max_abs", normalization="none")
    assert run.movement_of("normal", 0.1).mean(axis=(1, 2)).tolist() == [1, 3]
    assert run.accuracy_of("normal", 0.1).value == pytest.approx(0.5)
    assert run.sensitivity_of("normal", 0.1).value == pytest.approx(2)
    # Student's t of two values, 12.706, times the standard error of their mean, 1, in the logarithm.
    assert run.sensitivity_of("normal", 0.1).high == pytest.approx(2 * np.exp(12.706 / 2), rel=1e-3)
    assert run.sensitivity_ratio(("normal", 0.2), ("normal", 0.1)) == pytest.approx((1, 1, 1))


def test_a_run_without_a_linear_layer_is_judged_all_the_same() -> None:
    headless = [replace(file(model, 0.2, 1.0), weight=np.ones((0, 3), np.float32)) for model in PAPER_MODELS]
    accuracy = pd.DataFrame(
        {"model": PAPER_MODELS, "epsilon": 0.2, "n_correct": 4, "accuracy": 0.4, "ci_low": 0.3, "ci_high": 0.5}
    )
    only_headless = run_from(accuracy, headless, definition="max_abs", normalization="none")
    assert only_headless.n_classes == 1, "the label of each of the four images is 0"
    assert [judgement.claim.name for judgement in judge(only_headless)] == [*CASES, "M1"]
    beside_others = run_from(
        accuracy, [*headless[:2], file("robust_dataset", 0.2, 1.0)], definition="max_abs", normalization="none"
    )
    assert beside_others.n_classes == 2


def test_the_other_unit_of_an_epsilon_is_left_out_where_models_differ_in_it() -> None:
    def recorded(**epsilon_255: float) -> dict[str, float]:
        files = [file(model, 0.08, 1.0) for model in epsilon_255]
        for each, value in zip(files, epsilon_255.values(), strict=True):
            each.attributes["epsilon_255"] = value
        run = run_from(pd.DataFrame(columns=["model", "epsilon"]), files, definition="max_abs", normalization="none")
        return dict(run.recorded[0.08])

    assert in_both_units([recorded(normal=4.1, adversarial=4.1)]) == "0.08 (4.1/255)"
    assert in_both_units([recorded(normal=4.1, adversarial=20.4)]) == "0.08"
    assert in_both_units([recorded(normal=4.1, adversarial=20.4, robust_dataset=4.1)]) == "0.08"


def file(model: str, epsilon: float, movement: float) -> SensitivityFile:
    """Four images that move each of three features up by ``movement``."""
    still = np.zeros((4, 3), dtype=np.float32)
    return SensitivityFile(
        clean=still,
        maximum=still + np.float32(movement),
        minimum=still,
        sensitivity=still[0],
        sensitivity_raw=still[0],
        standard_error=still[0],
        zero_gradient=still[0],
        at_cap=still[0],
        weight=np.ones((2, 3), dtype=np.float32),
        image_index=np.arange(4),
        label=np.zeros(4, dtype=np.int64),
        feature_index=np.arange(3),
        attributes={"model": model, "epsilon": epsilon},
    )


def test_the_page_of_claims_has_the_sentence_and_the_rule_of_each() -> None:
    rows = re.findall(r"^\| ([A-Z]\d) \| (.*) \| (.*) \|$", (ROOT / "docs/claims.md").read_text(), re.MULTILINE)
    assert rows == [(claim.name, claim.sentence, claim.rule) for claim in CLAIMS]


def test_equal_sensitivities_have_no_shape() -> None:
    run = moved("normal", 0.04, np.ones((1, N_IMAGES, N_FEATURES)))(as_in_the_paper())
    assert verdicts(run)["S1"] == UNDECIDED


def test_the_table_has_a_row_with_numbers_for_each_claim() -> None:
    table = claims_table(judge(as_in_the_paper()))
    assert list(table.columns) == ["claim", "sentence", "verdict", "verdict_in_margins", "numbers", "rule"]
    assert list(table.claim) == [*CASES, "M1"]
    assert "accuracy of normal: 0.95 (0.946 to 0.954) yes" in table.numbers[0]


@pytest.mark.parametrize(
    ("truths", "expected"),
    [([True, True], True), ([True, None], None), ([None, False, True], False), ([], None)],
)
def test_every_is_kleenes_conjunction(truths: list[bool | None], expected: bool | None) -> None:
    assert every(truths) is expected


def test_in_pixel_units_what_is_about_the_epsilons_of_the_paper_is_open():
    run = as_in_the_paper()
    recorded = {e: {"epsilon": e, "epsilon_255": 255 * e, "epsilon_standardized": 5 * e} for e in EPSILONS}
    judgements = {judgement.claim.name: judgement for judgement in judge(replace(run, recorded=recorded))}
    for name in ("A3", "A4", "S4"):
        assert judgements[name].verdict == UNDECIDED
        assert "in standardized units, this run is in pixel units" in judgements[name].reason
    assert judgements["S2"].verdict == REPRODUCED
    assert judgements["S2"].checks[0].label == "mean of normal at 15.3/255 / at 10.2/255"
