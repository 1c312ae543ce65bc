"""What the configuration says of a model, a dataset, a measurement or a study: parameters of the rules."""

from pathlib import Path

from feature_sensitivity.config.measurement import AccuracySettings
from feature_sensitivity.config.measurement import SensitivitySettings
from feature_sensitivity.config.models import OWN_SENSITIVITY_KEYS
from feature_sensitivity.config.models import architecture_of
from feature_sensitivity.config.models import has_replicates
from feature_sensitivity.config.models import model_of
from feature_sensitivity.config.models import seed_of
from feature_sensitivity.config.models import sensitivity_settings_of
from feature_sensitivity.config.models import with_seed
from feature_sensitivity.runtime.files import sha256_of_file


def dataset_settings(wildcards):
    """Return what the config says of a dataset."""
    return config["datasets"][wildcards.dataset]


def model_settings(replicate):
    """Return what the config says of a model; its replicates differ in the seed alone."""
    entry = config["models"].get(model_of(replicate), {})
    return with_seed(entry, seed_of(replicate, config["seeds"]))


def architecture(wildcards):
    """Return the architecture of a model: its name, and arguments."""
    return architecture_of(config, model_of(wildcards.model))


def weights_of(wildcards):
    """Return the file with the weights of a model that was trained elsewhere; None if they come with its architecture."""
    return model_settings(wildcards.model).get("weights")


def weights_sha256(wildcards):
    """Return the SHA-256 of the file with a model's weights, if there is one."""
    weights = weights_of(wildcards)
    return sha256_of_file(Path(weights)) if weights else None


def own_standardization(wildcards):
    """Return what standardizes a model's images, where it has constants of its own."""
    return model_settings(wildcards.model).get("standardization")


def training_attack(wildcards):
    """Return the attack of adversarial training; None for a model that is trained normally."""
    adversarial = model_settings(wildcards.model)["training"] == "adversarial"
    return config["adversarial_training"] if adversarial else None


def single_networks():
    """Return the models without replicates."""
    return [name for name in MODELS if not has_replicates(config["models"][name])]


def several_seeds():
    """Return a text that says over which seeds a mean is taken; empty where no model has replicates."""
    if len(REPLICATES) == len(MODELS):
        return ""
    seeds, single = config["seeds"], single_networks()
    text = f"n = {len(seeds)} training seeds ({', '.join(map(str, seeds))})"
    return f"{text}, except {', '.join(single)}" if single else text


def accuracy_settings(**changes):
    """Return how accuracies are measured; ``changes`` replace settings of the run."""
    return AccuracySettings.from_config({**config["accuracy"], **changes}, seed=SEED)


def sensitivity_settings(replicate="", **changes):
    """Return how sensitivities are measured, those of a model if one is named.

    ``changes`` replace settings of all models; what a model has of its own stands.
    """
    section = sensitivity_settings_of(
        {**config, "sensitivity": {**config["sensitivity"], **changes}},
        model_of(replicate),
    )
    return SensitivitySettings.from_config(section, seed=SEED)


def measurement_settings(replicate, **changes):
    """Return what the attack on a model's features depends on; what is derived from extrema needs no new attack."""
    settings = sensitivity_settings(replicate, **changes)
    return settings.as_parameters(*SensitivitySettings.DERIVATION)


def chosen_settings(replicate, names):
    """Return the settings of sensitivities with these names, as they hold for a model."""
    settings = sensitivity_settings(replicate).as_parameters()
    return {name: settings[name] for name in names}


def chosen_features(replicate):
    """Return where a model's features are, and which of them are measured."""
    return chosen_settings(replicate, OWN_SENSITIVITY_KEYS)


def attack_on_the_class(replicate, **changes):
    """Return the attack of accuracies in the ball and on the images of a model's sensitivities."""
    return sensitivity_settings(replicate).attack_on_the_class(
        accuracy_settings(), **changes
    )
