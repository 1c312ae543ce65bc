"""Estimates of cost, against counts by hand."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
import yaml

from feature_sensitivity.config.costs import Machine, duration
from feature_sensitivity.config.network_costs import PassCost, pass_costs
from feature_sensitivity.config.protocols import PROTOCOLS, with_protocols
from feature_sensitivity.config.units import sections_with_unit
from feature_sensitivity.studies.costs import job_flop as job_flop_of_networks
from feature_sensitivity.studies.costs import job_seconds
from feature_sensitivity.studies.registry import variants
from snakemake_runs import ROOT

PAPER = with_protocols(yaml.safe_load((ROOT / "config.yaml").read_text()))
PAPER |= sections_with_unit(PAPER)
L2 = {"variant": "norms", "model": "normal", "eps": "0.08"}


def job_flop(rule: str, wildcards: Mapping[str, str], config: Mapping[str, Any]) -> float:
    """Return the operations of a job before any network is counted."""
    return job_flop_of_networks(rule, wildcards, config, pass_costs(config, {}))


def test_one_sensitivity_of_the_paper_costs_what_it_should():
    # 512 images x 512 features x 2 directions x 20 steps of 2.2 GFLOP, three quarters of them left.
    flop = job_flop("measure_sensitivity", {"model": "normal", "eps": "0.08"}, PAPER)
    assert flop == pytest.approx(0.75 * 2.3e16, rel=0.02)


def test_a_shard_costs_its_part_and_studies_have_none():
    sharded = {**PAPER, "sensitivity": {**PAPER["sensitivity"], "shards": 8}}
    wildcards = {"model": "normal", "eps": "0.08"}
    whole = job_flop("measure_sensitivity", wildcards, PAPER)
    assert whole / job_flop("measure_sensitivity", wildcards, sharded) == pytest.approx(8)
    for variant in variants(PAPER):
        of_variant = {**wildcards, "variant": variant}
        cost = job_flop("measure_sensitivity_of_variant", of_variant, PAPER)
        assert cost == job_flop("measure_sensitivity_of_variant", of_variant, sharded) > 0
    assert job_flop("measure_sensitivity_of_variant", L2, PAPER) == pytest.approx(whole * 64 / 512)


def test_a_job_takes_the_time_of_its_operations_of_what_layers_write_and_of_its_start():
    wildcards, rule = {"model": "normal", "eps": "0.08"}, "measure_sensitivity"
    flop, free = job_flop(rule, wildcards, PAPER), Machine(math.inf, math.inf, 0, 0)
    passes = flop / (2 * 0.5554e9)
    for changed, expected in (
        ({"flop_per_second": 1e12}, flop / 1e12),
        ({"values_per_second": 1e9}, passes * 614_400 / 1e9),
        ({"seconds_per_image": 1e-3}, passes / 1000),
        ({"seconds_per_job": 7}, 7),
    ):
        machine = replace(free, **changed)
        assert job_seconds(rule, wildcards, PAPER, pass_costs(PAPER, {}), machine) == pytest.approx(expected, rel=1e-3)
    assert job_seconds("plot_accuracy", {}, PAPER, pass_costs(PAPER, {}), Machine(1, 1, 1, 5)) == 5


def test_a_model_with_a_network_of_its_own_costs_its_own():
    models = {"mine": {"dataset": "cifar10", "weights": "a.pt", "architecture": "mine.py:network"}}
    config = {**PAPER, "models": {**PAPER["models"], **models}}
    costs = {**pass_costs(config, {}), "mine": PassCost(flop=1e9, values=1e6, n_features=100)}
    costs["normal"] = PassCost(flop=2e9, values=1e6, n_features=300)
    mine, normal = (
        job_flop_of_networks("measure_sensitivity", {"model": model, "eps": "0.08"}, config, costs)
        for model in ("mine", "normal")
    )
    assert normal / mine == pytest.approx(2 * 3)


def test_a_rule_of_a_module_costs_what_it_does_alone():
    for rule in ("measure_sensitivity_of_variant", "measure_accuracy_of_variant"):
        assert job_flop(f"paper_{rule}", L2, PAPER) == job_flop(rule, L2, PAPER) > 0
    assert job_flop("plot_accuracy", {}, PAPER) == 0


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
    # 16 images x 16 features x 2 directions of 2.2 GFLOP a step. Steps: fast and strong, the paper's among the 385
    # constant ones, as many decreasing ones, and 20 starts of 200.
    fast, strong = (PROTOCOLS[name]["steps"] * PROTOCOLS[name]["restarts"] for name in ("fast", "strong"))
    steps = fast + strong + 385 + 385 + 20 * 200
    convergence = job_flop("measure_study", {"study": "convergence", "eps": "0.08"}, PAPER)
    assert convergence == pytest.approx(512 * steps * 2.2e9, rel=0.02)
    assert job_flop("measure_sensitivity_of_variant", L2, PAPER) == pytest.approx(whole / 8)
    assert 0 < convergence < whole
    assert 0 < job_flop("measure_accuracy_of_variant", L2, PAPER) < whole
    assert 0 < job_flop("measure_study", {"study": "error_bounds"}, PAPER) < whole
    assert 0 < job_flop("measure_whole_study", {"study": "last_layer_refit"}, PAPER) < whole


@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_protocol_costs_its_gradient_evaluations(name: str):
    evaluations = PROTOCOLS[name]["steps"] * PROTOCOLS[name]["restarts"]
    wildcards = {"variant": f"attack_strength/{name}", "model": "normal", "eps": "0.08"}
    sensitivity = job_flop("measure_sensitivity", wildcards, PAPER)
    # 64 of 512 images; a quarter of the paper's steps is saved.
    by_protocol = job_flop("measure_sensitivity_of_variant", wildcards, PAPER)
    share = 0.75 if name == "paper" else 1
    assert by_protocol / sensitivity == pytest.approx(evaluations / 20 / 8 * share / 0.75)
    # 1,000 of 10,000 images.
    accuracy = job_flop("measure_accuracy", wildcards, PAPER)
    assert job_flop("measure_accuracy_of_variant", wildcards, PAPER) / accuracy == pytest.approx(evaluations / 200)


def test_rules_that_compute_little_cost_nothing():
    assert job_flop("plot_accuracy", {}, PAPER) == 0


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(20, "a minute"), (100, "2 minutes"), (3 * 3600, "3 hours"), (8.4 * 86_400, "8 days")],
)
def test_durations_read_well(seconds: float, expected: str):
    assert duration(seconds) == expected


def test_features_at_attacked_images_cost_4_percent_of_a_sensitivity_measurement():
    wildcards = {"model": "normal", "eps": "0.08"}
    share = job_flop("measure_attacked_features", wildcards, PAPER) / job_flop("measure_sensitivity", wildcards, PAPER)
    # (4 epsilons x 20 steps + 512 gradients) of 512 x 2 x 20 x 0.75 steps.
    assert share == pytest.approx((4 * 20 + 512) / (512 * 2 * 20 * 0.75))
