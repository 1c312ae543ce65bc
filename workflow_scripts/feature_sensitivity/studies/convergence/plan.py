"""Plan of the study of the attack's convergence."""

from collections.abc import Iterator
from itertools import product
from typing import Any

from feature_sensitivity.config.costs import Job
from feature_sensitivity.config.protocols import PROTOCOLS
from feature_sensitivity.config.units import from_file_name
from feature_sensitivity.reporting.protocol import every_protocol
from feature_sensitivity.studies.convergence.attacks import (
    CONSTANT,
    DECREASING,
    MANY_STARTS,
    attacks,
    gradient_evaluations,
)
from feature_sensitivity.studies.plan import Config, Row, Scope, StudyPlan, sensitivity_of

NAME = "convergence"

OF_SENSITIVITY = (
    "norm",
    "epsilon_unit",
    "iterate",
    "clip_to_pixel_box",
    "layer",
    "positions",
    "channels",
    "definition",
    "search_dtype",
    "batch_size",
    "seed",
)
"""The settings of sensitivities that the study takes; its attacks, images and features are its own."""


def rows(scope: Scope) -> Iterator[Row]:
    """Yield a row for each model, epsilon, and attack with its steps."""
    steps = scope.config["studies"][NAME]["steps"]
    protocols = ((name, numbers["steps"]) for name, numbers in PROTOCOLS.items())
    compared = [*protocols, *product((CONSTANT, DECREASING), steps), (MANY_STARTS, max(steps))]
    for model, epsilon, attack in product(scope.models, scope.numbers, compared):
        yield model, epsilon, *attack


def settings(config: Config, model: str, epsilon: str) -> dict[str, Any]:
    """Return the arguments of :func:`.measurement.measure` besides files."""
    measured = sensitivity_of(config, model).as_parameters()
    return {
        "model": model,
        "epsilon": epsilon,
        "study": config["studies"][NAME],
        "measured": {name: measured[name] for name in OF_SENSITIVITY},
    }


def cost(job: Job) -> float:
    """Return the cost of every distinct run, on the sample of images and features."""
    study = job.config["studies"][NAME]
    settings = sensitivity_of(job.config).at(from_file_name(job.wildcards["eps"]))
    compared = attacks(settings, steps=study["steps"], n_starts=study["starts"])
    evaluations = sum(map(gradient_evaluations, {run for _, runs in compared for run in runs}))
    return job.attack_step * study["images"] * min(study["features"], job.network.n_features) * 2 * evaluations


PLAN = StudyPlan(
    name=NAME,
    columns=("model", "epsilon", "attack", "steps"),
    rows=rows,
    test_images=("images",),
    attacks=lambda config: every_protocol(sensitivity_of(config)),
    in_parts=True,
    inputs=lambda config: {
        "checkpoint": "<results>/models/{model}.pt",
        "evaluation": f"<results>/data/{config['evaluation_dataset']}.h5",
    },
    settings=settings,
    cost=cost,
)
