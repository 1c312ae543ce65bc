"""Estimates of cost, against counts by hand."""

import pytest
import yaml

from feature_sensitivity.config.costs import duration
from feature_sensitivity.config.protocols import with_protocols
from feature_sensitivity.studies.costs import job_flop
from snakemake_runs import ROOT

PAPER = with_protocols(yaml.safe_load((ROOT / "config.yaml").read_text()))


def test_one_sensitivity_of_the_paper_costs_what_it_should():
    # 512 images x 512 features x 2 directions x 20 steps of 2.2 GFLOP, three quarters of them left.
    flop = job_flop("measure_sensitivity", {"model": "normal", "eps": "0.08"}, PAPER)
    assert flop == pytest.approx(0.75 * 2.3e16, rel=0.02)


def test_adversarial_training_costs_its_attack():
    normal = job_flop("train_model", {"model": "normal"}, PAPER)
    adversarial = job_flop("train_model", {"model": "adversarial"}, PAPER)
    # A training step is 3 forward passes' worth; each of 7 attack steps is 2.
    assert adversarial / normal == pytest.approx(1 + 7 * 2 / 3)


def test_a_replicate_costs_what_its_model_does():
    for rule in ("train_model", "measure_accuracy", "measure_sensitivity"):
        first = job_flop(rule, {"model": "adversarial", "eps": "0.08"}, PAPER)
        assert job_flop(rule, {"model": "adversarial_seed1", "eps": "0.08"}, PAPER) == first > 0


def test_studies_cost_less_than_the_protocol():
    whole = job_flop("measure_sensitivity", {"model": "normal", "eps": "0.08"}, PAPER)
    # 16 images x 16 features x 2 directions, (385 + 20 x 20) steps of 2.2 GFLOP, three quarters of them left.
    assert job_flop("measure_convergence", {}, PAPER) == pytest.approx(0.75 * 512 * 785 * 2.2e9, rel=0.02)
    assert job_flop("measure_sensitivity_l2", {}, PAPER) == pytest.approx(whole / 8)
    for rule in ("bound_errors", "measure_convergence", "refit_last_layer", "measure_accuracy_l2"):
        assert 0 < job_flop(rule, {}, PAPER) < whole


def test_rules_that_compute_little_cost_nothing():
    assert job_flop("plot_accuracy", {}, PAPER) == 0


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(20, "a minute"), (100, "2 minutes"), (3 * 3600, "3 hours"), (8.4 * 86_400, "8 days")],
)
def test_durations_read_well(seconds: float, expected: str):
    assert duration(seconds) == expected
