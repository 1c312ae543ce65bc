"""Every epsilon of the config, and one spelling for each, so that no number is measured twice under two names."""

from collections.abc import Mapping
from typing import Any

from feature_sensitivity.config.units import exact


def spelling(epsilon: str, config: Mapping[str, Any]) -> str:
    """Return how a positive epsilon is spelled: as the config spells this number, or without needless zeros."""
    known = [*config["epsilons"], *(other for own in epsilons_of_studies(config).values() for other in own)]
    if epsilon in known:
        return epsilon
    decimal, slash, denominator = epsilon.partition("/")
    whole, _, decimals = decimal.partition(".")
    shortest = f"{whole.lstrip('0') or '0'}.{decimals.rstrip('0')}".rstrip(".")
    return next((other for other in known if exact(other) == exact(epsilon)), f"{shortest}{slash}{denominator}")


def epsilons_of_studies(config: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the epsilons among the settings of studies, by dotted key: ``epsilons``, a list, or ``epsilon``, one."""
    found = {}
    for study, settings in config["studies"].items():
        if "epsilons" in settings:
            found[f"studies.{study}.epsilons"] = settings["epsilons"]
        if "epsilon" in settings:
            found[f"studies.{study}.epsilon"] = [settings["epsilon"]]
    return found
