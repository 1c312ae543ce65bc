"""What results and the files they rest on have to say of themselves, which every job checks."""

from dataclasses import asdict
from pathlib import Path

from feature_sensitivity.config.architectures import with_width
from feature_sensitivity.config.models import architecture_of
from feature_sensitivity.config.replicates import model_of
from feature_sensitivity.config.replicates import seed_of
from feature_sensitivity.config.training import TrainingSettings
from feature_sensitivity.config.used_datasets import used_datasets
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


def expected_attacked(models):
    """Return the epsilons and settings that the files of features at attacked images must record."""
    return {
        "epsilons": EPSILONS,
        "accuracy": accuracy_settings().as_parameters(),
        "sensitivity": expected_sensitivity(models, EPSILONS)["settings"],
    }


def dataset_identity(dataset):
    """Return what the configuration says of a dataset, as its file keeps it."""
    entry = {"name": dataset, **config["datasets"][dataset]}
    return {**entry, "standardization": config["standardization"]}


def checkpoint_identity(replicate):
    """Return what the file of a model has to say of itself."""
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


def expected_of_inputs(wildcards, input):
    """Return what the datasets and models among a job's inputs have to say of themselves, by path."""
    identities = {
        **{
            results() / f"data/{name}.h5": dataset_identity
            for name in used_datasets(config)
        },
        **{results() / f"models/{name}.pt": checkpoint_identity for name in REPLICATES},
    }
    return {
        path: identities[Path(path)](Path(path).stem)
        for path in input
        if Path(path) in identities
    }
