"""Attacks by name: the paper's, a cheaper one that finds as much, and one that finds more."""

from collections.abc import Mapping
from typing import Any

PROTOCOLS: Mapping[str, Mapping[str, Any]] = {
    # Hu et al. (2022): 20 steps of 2.5 epsilon / steps, as their 7 steps of 5/14 epsilon.
    "paper": {
        "steps": 20,
        "relative_step_size": "1/8",
        "schedule": "constant",
        "momentum": 0,
        "surrogate_steps": 0,
        "restarts": 1,
    },
    # Annealed steps, which settle: the fewest that moved features at least as far as the paper's, wherever tried.
    "fast": {
        "steps": 7,
        "relative_step_size": "3/2",
        "schedule": "linear",
        "momentum": 0.5,
        "surrogate_steps": 1,
        "restarts": 1,
    },
    "strong": {
        "steps": 150,
        "relative_step_size": "3/2",
        "schedule": "linear",
        "momentum": 0.5,
        "surrogate_steps": 2,
        "restarts": 2,
    },
}
"""What stands under ``protocol`` in the config, and the numbers that it means; docs/attacks.md has the evidence."""

SECTIONS = ("accuracy", "sensitivity")


def with_protocols(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configuration with the numbers of its protocols in place of null; numbers by hand stay."""
    resolved = dict(config)
    for name in SECTIONS:
        section = dict(config[name])
        for key, value in PROTOCOLS[section["protocol"]].items():
            if key in section and section[key] is None:
                section[key] = value
        resolved[name] = section
    return resolved
