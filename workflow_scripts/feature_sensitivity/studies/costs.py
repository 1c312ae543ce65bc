"""Roughly what each job costs, of the protocol and of the studies. Needs no torch."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from feature_sensitivity.config.costs import (
    PROTOCOL_COSTS,
    Cost,
    Job,
    Machine,
    measure_accuracy,
    measure_sensitivity,
    seconds,
)
from feature_sensitivity.config.network_costs import PassCost
from feature_sensitivity.studies.registry import PLANS, variants


def _of_study(job: Job) -> float:
    return PLANS[job.wildcards["study"]].cost(job)


def _of_variant(cost: Cost) -> Cost:
    """Return what a measurement costs with the settings of the job's variant."""
    return lambda job: cost(replace(job, config=variants(job.config)[job.wildcards["variant"]].changed(job.config)))


COSTS: Mapping[str, Cost] = {
    **PROTOCOL_COSTS,
    "measure_study": _of_study,
    "measure_whole_study": _of_study,
    "measure_accuracy_of_variant": _of_variant(measure_accuracy),
    "measure_sensitivity_of_variant": _of_variant(measure_sensitivity),
}


def job_flop(
    rule: str, wildcards: Mapping[str, str], config: Mapping[str, Any], pass_costs: Mapping[str, PassCost]
) -> float:
    """Return the floating-point operations of one job; 0 for rules that compute little.

    A workflow that takes this one as a module may put something before the names of its rules.
    """
    known = [name for name in COSTS if f"_{rule}".endswith(f"_{name}")]
    return COSTS[known[0]](Job(wildcards, config, pass_costs)) if known else 0.0


def job_seconds(
    rule: str,
    wildcards: Mapping[str, str],
    config: Mapping[str, Any],
    pass_costs: Mapping[str, PassCost],
    machine: Machine,
) -> float:
    """Return roughly how long one job takes."""
    flop = job_flop(rule, wildcards, config, pass_costs)
    return seconds(Job(wildcards, config, pass_costs), flop, machine)
