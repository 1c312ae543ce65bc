"""Plan of the study of norms."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import product

from feature_sensitivity.config.units import number
from feature_sensitivity.reporting.protocol import accuracy_sentence, n_images, sensitivity_sentence
from feature_sensitivity.studies.plan import (
    OR_OTHERS,
    Config,
    Row,
    Scope,
    StudyPlan,
    Variant,
    accuracy_of,
    own_files,
    sensitivity_of,
)

NAME = "norms"

BOTH = "linf and l2"


def rows(scope: Scope) -> Iterator[Row]:
    """Yield a row for each norm, model and epsilon."""
    yield from product(["linf"], scope.models, scope.numbers)
    yield from product(["l2"], scope.models, map(number, scope.config["studies"][NAME]["epsilons"]))


def faults(config: Config) -> Iterator[str]:
    """Yield one sentence for each norm of the run that is not the one which the study puts beside l2."""
    for section in ("accuracy", "sensitivity"):
        if (norm := config[section]["norm"]) != "linf":
            yield f"the study {NAME} puts linf beside l2, but {section}.norm is {norm!r}; write linf, {OR_OTHERS}"


def attacks(config: Config) -> str:
    """Return the attacks under both norms."""
    accuracy, sensitivity = accuracy_of(config), sensitivity_of(config)
    images = f"{n_images(sensitivity)} test images under linf, {config['studies'][NAME]['images']} under l2"
    on_classifier = accuracy_sentence(replace(accuracy, norm=BOTH))
    return f"{on_classifier} {sensitivity_sentence(replace(sensitivity, norm=BOTH), images=images)}"


def variants(config: Config) -> dict[str, Variant]:
    """Return the run's own measurements, and those under l2, of which Auto-PGD is left out."""
    study = config["studies"][NAME]
    return {
        "linf": own_files(config),
        "l2": Variant(
            folder=NAME,
            epsilons=study["epsilons"],
            accuracy={"norm": "l2", "stronger_attack": None},
            sensitivity={"norm": "l2", "images": study["images"], "shards": 1},
        ),
    }


PLAN = StudyPlan(
    name=NAME,
    columns=("norm", "model", "epsilon"),
    rows=rows,
    test_images=("images",),
    faults=faults,
    attacks=attacks,
    variants=variants,
)
