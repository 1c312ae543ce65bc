"""Plan of the study of the attack's strength."""

from collections.abc import Iterator, Sequence
from itertools import product

from feature_sensitivity.config.models import NORMAL, ROBUST
from feature_sensitivity.config.protocols import PROTOCOLS
from feature_sensitivity.config.size_faults import fewest_features, too_many
from feature_sensitivity.reporting.protocol import every_protocol
from feature_sensitivity.studies.plan import Config, Row, Scope, StudyPlan, Variant, sensitivity_of

NAME = "attack_strength"

WEAKEST = "paper"
"""The protocol with which the others are compared, and beside whose accuracies Auto-PGD is measured, if it is."""

CLAIM, ACCURACY, SENSITIVITY = "claim", "accuracy", "mean sensitivity"
RATIO, MOVEMENT = "ratio of mean sensitivities", "mean sensitivity / paper's"
"""The kinds of rows of the study's table: its column ``kind``."""

NORMAL_TO_ROBUST = f"{NORMAL} / {ROBUST}"
"""The name of the rows with ratios."""

CLAIMS = ("A1", "A2", "A3", "A4", "A5", "S1", "S2", "S3", "S4", "S5")
"""The claims that rest on what the study measures: on no new last layer, and on no counts of useful features."""


def rows(scope: Scope) -> Iterator[Row]:
    """Yield a row for each protocol and number: its kind, its name, and its epsilon."""
    models, epsilons, stronger = scope.models, scope.numbers, scope.config["accuracy"]["stronger_attack"]
    ratios = [NORMAL_TO_ROBUST] if {NORMAL, ROBUST} <= set(models) else []
    for protocol in PROTOCOLS:
        yield from product([protocol], [CLAIM], CLAIMS, [""])
        yield from product([protocol], [ACCURACY], models, [0, *epsilons])
        yield from product([protocol], [SENSITIVITY, MOVEMENT], models, epsilons)
        yield from product([protocol], [RATIO], ratios, epsilons)
    yield from product([stronger] if stronger else [], [ACCURACY], models, epsilons)


def variants(config: Config) -> dict[str, Variant]:
    """Return the measurements under each protocol, on the study's sample."""
    return {protocol: _under(protocol, config) for protocol in PROTOCOLS}


def _under(protocol: str, config: Config) -> Variant:
    study, accuracy, numbers = config["studies"][NAME], config["accuracy"], PROTOCOLS[protocol]
    return Variant(
        folder=f"{NAME}/{protocol}",
        epsilons=config["epsilons"],
        accuracy={
            "protocol": protocol,
            **{key: value for key, value in numbers.items() if key in accuracy},
            "images": study["accuracy_images"],
            # It depends on no protocol, so once is enough.
            "stronger_attack": accuracy["stronger_attack"] if protocol == WEAKEST else None,
        },
        sensitivity={
            "protocol": protocol,
            **numbers,
            "images": study["images"],
            "features": _first(study["features"], config["sensitivity"]["features"]),
            "target_relative_error": None,  # all protocols on the same images
            "shards": 1,
        },
        has_figures=True,
    )


def _first(n: int | None, measured: int | Sequence[int] | None) -> int | Sequence[int] | None:
    """Return the first ``n`` of the features that are measured, each as ``sensitivity.features``; all if it is None."""
    if n is None or measured is None:
        return n or measured
    return min(n, measured) if isinstance(measured, int) else measured[:n]


PLAN = StudyPlan(
    name=NAME,
    columns=("protocol", "kind", "name", "epsilon"),
    rows=rows,
    test_images=("images", "accuracy_images"),
    faults=lambda config: too_many(
        config, f"studies.{NAME}.features", fewest_features(config), "features of network.width"
    ),
    attacks=lambda config: every_protocol(sensitivity_of(config)),
    variants=variants,
)
