"""One spelling for each epsilon, so that no number is measured twice under two names."""

from collections.abc import Mapping
from typing import Any

from feature_sensitivity.config.units import exact


def spelling(epsilon: str, config: Mapping[str, Any]) -> str:
    """Return how a positive epsilon is spelled: as the config spells this number, or without needless zeros."""
    studies = config["studies"]
    known = [*config["epsilons"], *studies["norms"]["epsilons"], *studies["crossing"]["epsilons"]]
    known.append(studies["last_layer_refit"]["epsilon"])
    if epsilon in known:
        return epsilon
    decimal, slash, denominator = epsilon.partition("/")
    whole, _, decimals = decimal.partition(".")
    shortest = f"{whole.lstrip('0') or '0'}.{decimals.rstrip('0')}".rstrip(".")
    return next((other for other in known if exact(other) == exact(epsilon)), f"{shortest}{slash}{denominator}")
