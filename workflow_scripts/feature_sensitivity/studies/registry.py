"""Every study; a new one is a line here."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any

from feature_sensitivity.studies.plan import StudyPlan, Variant

STUDIES = (
    "definitions",
    "error_bounds",
    "convergence",
    "attack_strength",
    "last_layer_refit",
    "norms",
    "crossing",
)
"""The folders beside this file, in the order of docs/studies.md."""

PLANS: Mapping[str, StudyPlan] = {
    study: import_module(f"feature_sensitivity.studies.{study}.plan").PLAN for study in STUDIES
}


def variants(config: Mapping[str, Any]) -> dict[str, Variant]:
    """Return the measurements with other settings that any study compares, by folder."""
    found = (variant for plan in PLANS.values() for variant in plan.variants(config).values())
    return {variant.folder: variant for variant in found if variant.folder}
