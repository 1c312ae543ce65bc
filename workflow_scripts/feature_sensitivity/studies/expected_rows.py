"""Which rows the table of each study has in a run, so that neither a part of it nor another run's is taken for it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from itertools import product
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from feature_sensitivity.analysis.claims import CLAIMS
from feature_sensitivity.analysis.tables import ADVICE
from feature_sensitivity.config.models import NORMAL, ROBUST
from feature_sensitivity.config.protocols import PROTOCOLS
from feature_sensitivity.config.units import exact
from feature_sensitivity.evaluation.sensitivity import DEFINITIONS, WEIGHT_NORMALIZATIONS
from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.studies.attack_strength.kinds import ACCURACY, CLAIM, MOVEMENT, RATIO, SENSITIVITY
from feature_sensitivity.studies.attack_strength.measurement import LEFT_OUT
from feature_sensitivity.studies.convergence.attacks import CONSTANT, DECREASING, MANY_STARTS
from feature_sensitivity.studies.definitions.measurement import CLAIMS_ON_SENSITIVITIES

Row = tuple[str | int | float, ...]


class Scope(NamedTuple):
    """What a table is of: models, epsilons as spelled in the config, and the study's settings.

    The settings are those under ``studies`` in the config, and ``stronger_attack`` of the accuracies.
    """

    models: Sequence[str]
    epsilons: Sequence[str]
    settings: Mapping[str, Any]

    @property
    def numbers(self) -> list[float]:
        """The epsilons."""
        return [_number(epsilon) for epsilon in self.epsilons]


def definitions(scope: Scope) -> Iterable[Row]:
    """Yield a row for each definition, weight normalization and claim."""
    return product(DEFINITIONS, WEIGHT_NORMALIZATIONS, CLAIMS_ON_SENSITIVITIES)


def error_bounds(scope: Scope) -> Iterable[Row]:
    """Yield a row for each model and epsilon."""
    return product(scope.models, scope.numbers)


def convergence(scope: Scope) -> Iterable[Row]:
    """Yield a row for each model, epsilon, and attack with its steps."""
    steps = scope.settings["steps"]
    protocols = ((name, numbers["steps"]) for name, numbers in PROTOCOLS.items())
    attacks = [*protocols, *product((CONSTANT, DECREASING), steps), (MANY_STARTS, max(steps))]
    for model, epsilon, attack in product(scope.models, scope.numbers, attacks):
        yield model, epsilon, *attack


def attack_strength(scope: Scope) -> Iterable[Row]:
    """Yield a row for each protocol and number: its kind, what it is of, and its epsilon."""
    models, epsilons, stronger = scope.models, scope.numbers, scope.settings["stronger_attack"]
    ratios = [f"{NORMAL} / {ROBUST}"] if {NORMAL, ROBUST} <= set(models) else []
    for protocol in PROTOCOLS:
        claims = [claim.name for claim in CLAIMS if claim.name not in LEFT_OUT]
        yield from product([protocol], [CLAIM], claims, [""])
        yield from product([protocol], [ACCURACY], models, [0, *epsilons])
        yield from product([protocol], [SENSITIVITY, MOVEMENT], models, epsilons)
        yield from product([protocol], [RATIO], ratios, epsilons)
    yield from product([stronger] if stronger else [], [ACCURACY], models, epsilons)


def last_layer_refit(scope: Scope) -> Iterable[Row]:
    """Yield a row for each linear layer, without attack and at the study's epsilon."""
    refitted = (f"{percent:g} % least sensitive" for percent in scope.settings["shares"])
    heads = ["normal as trained", "adversarial as trained", *refitted, "all, adversarially"]
    return product(heads, [0, _number(scope.settings["epsilon"])])


def norms(scope: Scope) -> Iterable[Row]:
    """Yield a row for each norm, model and epsilon."""
    yield from product(["linf"], scope.models, scope.numbers)
    yield from product(["l2"], scope.models, map(_number, scope.settings["epsilons"]))


def crossing(scope: Scope) -> Iterable[Row]:
    """Yield a row for each of the study's epsilons."""
    return product(map(_number, scope.settings["epsilons"]))


EXPECTED: Mapping[str, tuple[Sequence[str], Callable[[Scope], Iterable[Row]]]] = {
    "definitions": (["definition", "weight_normalization", "claim"], definitions),
    "error_bounds": (["model", "epsilon"], error_bounds),
    "convergence": (["model", "epsilon", "attack", "steps"], convergence),
    "attack_strength": (["protocol", "kind", "name", "epsilon"], attack_strength),
    "last_layer_refit": (["head", "epsilon"], last_layer_refit),
    "norms": (["norm", "model", "epsilon"], norms),
    "crossing": (["epsilon"], crossing),
}
"""By study: the columns that name a row, and the rows."""


def check_rows(study: str, table: pd.DataFrame, scope: Scope, *, path: Path) -> None:
    """Raise :class:`UserError` when the table of a study, which ``path`` holds, has not each row once."""
    columns, rows = EXPECTED[study]
    found = [_spelled(row) for row in table[columns].itertuples(index=False)]
    if sorted(found) != sorted(_spelled(row) for row in rows(scope)):
        raise UserError(f"{path} has other rows than this run's; {ADVICE}")


def _number(epsilon: str) -> float:
    return float(exact(epsilon))


def _spelled(row: Iterable[str | float]) -> tuple[str, ...]:
    """Return the values as texts, so that numbers which were read are those that were written."""
    return tuple(value if isinstance(value, str) else "" if pd.isna(value) else f"{value:.9g}" for value in row)
