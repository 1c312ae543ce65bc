"""What the study of the attack's strength changes in the settings of a run, for each protocol. Needs no torch."""

from collections.abc import Mapping, Sequence
from typing import Any

from feature_sensitivity.config.protocols import PROTOCOLS

Config = Mapping[str, Any]

WEAKEST = "paper"
"""The protocol with which the others are compared, and beside whose accuracies Auto-PGD is measured, if it is."""


def accuracy_changes(config: Config, protocol: str) -> dict[str, Any]:
    """Return what replaces entries of the section ``accuracy``: the protocol's numbers and the study's images."""
    section = config["accuracy"]
    return {
        "protocol": protocol,
        **{key: value for key, value in PROTOCOLS[protocol].items() if key in section},
        "images": config["studies"]["attack_strength"]["accuracy_images"],
        # It depends on no protocol, so once is enough.
        "stronger_attack": section["stronger_attack"] if protocol == WEAKEST else None,
    }


def sensitivity_changes(config: Config, protocol: str) -> dict[str, Any]:
    """Return what replaces entries of the section ``sensitivity``: the protocol's numbers and the study's sample."""
    study = config["studies"]["attack_strength"]
    return {
        "protocol": protocol,
        **PROTOCOLS[protocol],
        "images": study["images"],
        "features": _first(study["features"], config["sensitivity"]["features"]),
        "target_relative_error": None,  # all protocols on the same images
        "shards": 1,
    }


def _first(n: int | None, measured: int | Sequence[int] | None) -> int | Sequence[int] | None:
    """Return the first ``n`` of the features that are measured, each as ``sensitivity.features``; all if it is None."""
    if n is None or measured is None:
        return n or measured
    return min(n, measured) if isinstance(measured, int) else measured[:n]
