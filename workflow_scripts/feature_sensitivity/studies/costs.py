"""Roughly what each job costs, of the protocol and of the studies. Needs no torch."""

from collections.abc import Mapping
from typing import Any

from feature_sensitivity.config.costs import PROTOCOL_COSTS, Cost, Job, Machine, seconds
from feature_sensitivity.studies.attack_strength.cost import (
    measure_accuracy_by_protocol,
    measure_sensitivity_by_protocol,
)
from feature_sensitivity.studies.convergence.cost import measure_convergence
from feature_sensitivity.studies.error_bounds.cost import bound_errors
from feature_sensitivity.studies.last_layer_refit.cost import refit_last_layer
from feature_sensitivity.studies.norms.cost import measure_accuracy_l2, measure_sensitivity_l2

COSTS: Mapping[str, Cost] = {
    **PROTOCOL_COSTS,
    "bound_errors": bound_errors,
    "measure_convergence": measure_convergence,
    "measure_accuracy_by_protocol": measure_accuracy_by_protocol,
    "measure_sensitivity_by_protocol": measure_sensitivity_by_protocol,
    "refit_last_layer": refit_last_layer,
    "measure_accuracy_l2": measure_accuracy_l2,
    "measure_sensitivity_l2": measure_sensitivity_l2,
}


def job_flop(rule: str, wildcards: Mapping[str, str], config: Mapping[str, Any]) -> float:
    """Return the floating-point operations of one job; 0 for rules that compute little.

    A workflow that takes this one as a module may put something before the names of its rules.
    """
    known = [name for name in COSTS if f"_{rule}".endswith(f"_{name}")]
    return COSTS[known[0]](Job(wildcards=wildcards, config=config)) if known else 0.0


def job_seconds(rule: str, wildcards: Mapping[str, str], config: Mapping[str, Any], machine: Machine) -> float:
    """Return roughly how long one job takes."""
    return seconds(Job(wildcards=wildcards, config=config), job_flop(rule, wildcards, config), machine)
