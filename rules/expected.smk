"""The settings that results and the files they rest on must record, which every job checks."""

from dataclasses import asdict
from pathlib import Path

from feature_sensitivity.config.architectures import with_width
from feature_sensitivity.config.models import architecture_of
from feature_sensitivity.config.models import model_of
from feature_sensitivity.config.models import seed_of
from feature_sensitivity.config.training import TrainingSettings
from feature_sensitivity.config.user_code import sha256_of_code


def expected_sensitivity(models, epsilons, **changes):
    """Return the epsilons and settings that the sensitivity files of these models must record."""
    settings = {
        model: sensitivity_settings(model, **changes).as_parameters()
        for model in models
    }
    return {"epsilons": epsilons, "settings": settings}


def expected_accuracy(models, epsilons, **changes):
    """Return the models, epsilons and settings that accuracy tables must have."""
    settings = accuracy_settings(**changes).as_parameters()
    return {"models": models, "epsilons": epsilons, "settings": settings}


def expected_of_run():
    """Return the settings of the run that its tables must record."""
    return {
        "sensitivity": expected_sensitivity(REPLICATES, EPSILONS)["settings"],
        "accuracy": accuracy_settings().as_parameters(),
    }


def expected_histories():
    """Return the name and the settings that the history of each training must record."""
    return {name: {"model": name, **checkpoint_identity(name)} for name in TRAINED}


def dataset_identity(dataset):
    """Return the settings that the file of a dataset must record."""
    entry = {"name": dataset, **config["datasets"][dataset]}
    return {**entry, "standardization": config["standardization"]}


def checkpoint_identity(replicate):
    """Return the settings that the file of a model must record."""
    settings = model_settings(replicate)
    architecture = architecture_of(config, model_of(replicate))
    found = {"dataset": settings["dataset"], "architecture": architecture}
    if code := sha256_of_code(architecture["name"]):
        found["code_sha256"] = code
    if own := settings.get("standardization"):
        found |= {key: [float(number) for number in own[key]] for key in own}
    if replicate in IMPORTED:
        weights = settings.get("weights")
        # As the file's path is kept: ./weights.pt as weights.pt.
        return {**found, "weights": {"file": str(Path(weights))} if weights else None}
    attack = config["adversarial_training"] if replicate in ADVERSARIAL else None
    training = TrainingSettings.from_config(
        config["training"], attack, seed=seed_of(replicate, config["seeds"])
    )
    architecture = with_width(architecture, config["network"]["width"])
    return {**found, "architecture": architecture, "training": asdict(training)}


# By the name of an input, the settings that its file must record.
EXPECTED_OF_INPUT = {
    "model": lambda wildcards: checkpoint_identity(wildcards.model),
    "normal": lambda wildcards: checkpoint_identity("normal"),
    "adversarial": lambda wildcards: checkpoint_identity("adversarial"),
    "teacher": lambda wildcards: checkpoint_identity(
        dataset_settings(wildcards)["teacher"]
    ),
    "dataset": lambda wildcards: dataset_identity(
        wildcards.get("dataset")
        or model_settings(wildcards.get("model", "normal"))["dataset"]
    ),
    "original": lambda wildcards: dataset_identity(
        dataset_settings(wildcards)["original"]
    ),
    "evaluation": lambda wildcards: dataset_identity(EVALUATION_DATA),
}


def expected_of_inputs(wildcards, input):
    """Return the settings that the datasets and models among a job's inputs must record, by the input's name."""
    return {
        name: EXPECTED_OF_INPUT[name](wildcards)
        for name, _ in input.items()
        if name in EXPECTED_OF_INPUT
    }
