"""One spelling for each epsilon, so that no number is measured twice under two names."""

from collections.abc import Mapping
from fractions import Fraction
from typing import Any


def spelling(epsilon: str, config: Mapping[str, Any]) -> str:
    """Return how a positive epsilon is spelled: as the config spells this number, or without needless zeros."""
    studies = config["studies"]
    known = [*config["epsilons"], *studies["norms"]["epsilons"], *studies["crossing"]["epsilons"]]
    known += [studies["convergence"]["epsilon"], studies["last_layer_refit"]["epsilon"]]
    if epsilon in known:
        return epsilon
    whole, _, decimals = epsilon.partition(".")
    shortest = f"{whole.lstrip('0') or '0'}.{decimals.rstrip('0')}".rstrip(".")
    return next((other for other in known if Fraction(other) == Fraction(epsilon)), shortest)
