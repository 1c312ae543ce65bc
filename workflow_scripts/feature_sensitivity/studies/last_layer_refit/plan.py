"""Plan of the study of new last layers."""

from collections.abc import Iterable, Iterator
from itertools import product
from typing import Any

from feature_sensitivity.config.costs import Job
from feature_sensitivity.config.models import ADVERSARIAL, NORMAL
from feature_sensitivity.config.size_faults import lacks_training_images
from feature_sensitivity.config.units import as_file_name, number
from feature_sensitivity.reporting.protocol import accuracy_sentence, adversary, sensitivity_sentence
from feature_sensitivity.studies.plan import (
    OR_OTHERS,
    Config,
    Row,
    Scope,
    StudyPlan,
    accuracy_of,
    layer_faults,
    sensitivity_of,
)

NAME = "last_layer_refit"


def rows(scope: Scope) -> Iterable[Row]:
    """Return a row for each linear layer, without attack and at the study's epsilon."""
    # Imported here, since the rules do not wait for pandas.
    from feature_sensitivity.analysis import refits

    study = scope.config["studies"][NAME]
    fitted = [*map(refits.least_sensitive_label, study["shares"]), refits.ADVERSARIALLY]
    heads = [refits.NORMAL_AS_TRAINED, refits.ADVERSARIAL_AS_TRAINED, *fitted]
    return product(heads, [0, number(study["epsilon"])])


def faults(config: Config) -> Iterator[str]:
    """Yield one sentence for each thing that the fit of a layer lacks."""
    if NORMAL in config["models"]:
        yield from layer_faults(NAME, config, [NORMAL])
        dataset = config["models"][NORMAL]["dataset"]
        if lacks_training_images(config["datasets"][dataset]):
            yield (
                f"the study {NAME} fits a linear layer on training images, but datasets.{dataset} has none; add train "
                f"and their path, {OR_OTHERS}"
            )


def attacks(config: Config) -> str:
    """Return the attacks, that of the adversarial fit among them."""
    fit = adversary(config["adversarial_training"], config["studies"][NAME]["epsilon"])
    on_layers = accuracy_sentence(accuracy_of(config), besides=f"; adversarial fit: {fit}")
    return f"{on_layers} {sensitivity_sentence(sensitivity_of(config))}"


def inputs(config: Config) -> dict[str, str]:
    """Return both models, the images of the fit and of the attacks, and the sensitivities that rank features."""
    epsilon = as_file_name(config["studies"][NAME]["epsilon"])
    return {
        "normal": f"<results>/models/{NORMAL}.pt",
        "adversarial": f"<results>/models/{ADVERSARIAL}.pt",
        "dataset": f"<results>/data/{config['models'].get(NORMAL, {}).get('dataset')}.h5",
        "evaluation": f"<results>/data/{config['evaluation_dataset']}.h5",
        "sensitivity": f"<results>/sens/{NORMAL}_{epsilon}.h5",
    }


def settings(config: Config, model: str, epsilon: str) -> dict[str, Any]:
    """Return the arguments of :func:`.measurement.measure` besides files."""
    return {
        "study": config["studies"][NAME],
        "measured": sensitivity_of(config, NORMAL).as_parameters(),
        "accuracy": accuracy_of(config).as_parameters(),
        "training": config["adversarial_training"],
    }


def cost(job: Job) -> float:
    """Return the cost of all features (a forward pass is half an attack step), the adversarial fit, and the attacks."""
    study, accuracy = job.config["studies"][NAME], job.config["accuracy"]
    fit = min(study["images"], job.n_train) * study["epochs"] * job.config["adversarial_training"]["steps"]
    attacked = (accuracy["images"] or job.n_test) * accuracy["steps"] * accuracy["restarts"]
    # Beside a layer for each share: both models as trained, and the layer that is fitted adversarially.
    return job.attack_step * (job.n_train / 2 + fit + (len(study["shares"]) + 3) * attacked)


PLAN = StudyPlan(
    name=NAME,
    columns=("head", "epsilon"),
    rows=rows,
    models=(NORMAL, ADVERSARIAL),
    trains_on=NORMAL,
    faults=faults,
    attacks=attacks,
    inputs=inputs,
    settings=settings,
    cost=cost,
    behind_a_claim=True,
)
