"""Plan of the study of the robust error bounds."""

from itertools import product
from typing import Any

from feature_sensitivity.config.costs import Job
from feature_sensitivity.config.measurement import AccuracySettings, SensitivitySettings
from feature_sensitivity.reporting.protocol import accuracy_sentence, sensitivity_sentence
from feature_sensitivity.studies.plan import Config, StudyPlan, accuracy_of, layer_faults, sensitivity_of

NAME = "error_bounds"


def attack(config: Config, model: str = "") -> AccuracySettings:
    """Return the attack on the classifier, in the ball in which the features of a model are attacked."""
    restarts = config["studies"][NAME]["restarts"]
    return sensitivity_of(config, model).attack_on_the_class(accuracy_of(config), iterate="any", restarts=restarts)


def attacks(config: Config) -> str:
    """Return the attacks; the classifier is attacked on the images of the sensitivities."""
    on_classifier = accuracy_sentence(attack(config), images="the images of the sensitivities")
    return f"{on_classifier} {sensitivity_sentence(sensitivity_of(config))}"


def settings(config: Config, model: str, epsilon: str) -> dict[str, Any]:
    """Return the arguments of :func:`.measurement.measure` besides files."""
    return {
        "model": model,
        "epsilon": epsilon,
        "attack": attack(config, model).as_parameters(),
        "measured": sensitivity_of(config, model).as_parameters(*SensitivitySettings.DERIVATION),
    }


def cost(job: Job) -> float:
    """Return the cost of the attack on the classifier at one epsilon, on the images of the sensitivities."""
    restarts = job.config["studies"][NAME]["restarts"]
    return job.attack_step * job.config["sensitivity"]["images"] * job.config["accuracy"]["steps"] * restarts


PLAN = StudyPlan(
    name=NAME,
    columns=("model", "epsilon"),
    rows=lambda scope: product(scope.models, scope.numbers),
    faults=lambda config: layer_faults(NAME, config, config["models"]),
    attacks=attacks,
    in_parts=True,
    inputs=lambda config: {
        "checkpoint": "<results>/models/{model}.pt",
        "evaluation": f"<results>/data/{config['evaluation_dataset']}.h5",
        "sensitivity": "<results>/sens/{model}_{eps}.h5",
    },
    settings=settings,
    cost=cost,
)
