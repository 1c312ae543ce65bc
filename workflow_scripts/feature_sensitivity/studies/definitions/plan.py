"""Plan of the study of definitions."""

from collections.abc import Iterable
from itertools import product

from feature_sensitivity.reporting.protocol import accuracy_sentence, sensitivity_sentence
from feature_sensitivity.studies.plan import Config, Row, Scope, StudyPlan, accuracy_of, own_files, sensitivity_of

CLAIMS_ON_SENSITIVITIES = ("S1", "S2", "S3", "S4", "S5")


def rows(scope: Scope) -> Iterable[Row]:
    """Return a row for each definition, weight normalization and claim."""
    # Imported here, since the rules do not wait for numpy.
    from feature_sensitivity.evaluation.sensitivity import DEFINITIONS, WEIGHT_NORMALIZATIONS

    return product(DEFINITIONS, WEIGHT_NORMALIZATIONS, CLAIMS_ON_SENSITIVITIES)


def attacks(config: Config) -> str:
    """Return the attacks without the run's own definition."""
    sensitivity = sensitivity_of(config)
    on_features = sensitivity_sentence(sensitivity, attack=sensitivity.attack_sentence())
    return f"{accuracy_sentence(accuracy_of(config))} {on_features}"


PLAN = StudyPlan(
    name="definitions",
    columns=("definition", "weight_normalization", "claim"),
    rows=rows,
    attacks=attacks,
    variants=lambda config: {"own": own_files(config)},
)
