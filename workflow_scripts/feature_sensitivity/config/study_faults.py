"""What a study needs that a configuration does not have."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from feature_sensitivity.config.models import sensitivity_settings_of
from feature_sensitivity.config.size_faults import lacks_training_images, split_sizes, too_many
from feature_sensitivity.config.unit_faults import unit_faults_of_study

MODELS_NEEDED = {"crossing": ("normal", "robust_dataset"), "last_layer_refit": ("normal", "adversarial")}
"""Models that a study compares, by their names in the config."""

LINF_NEEDED = {"norms": ("accuracy.norm", "sensitivity.norm")}
"""Keys of the config that have to be linf, which a study puts beside l2."""

IMAGES_NEEDED = {
    "convergence": ["studies.convergence.images"],
    "attack_strength": ["studies.attack_strength.images", "studies.attack_strength.accuracy_images"],
    "norms": ["studies.norms.images"],
}
"""Keys of the config that ask for random test images."""


def study_faults(study: str, config: Mapping[str, Any]) -> Iterator[str]:
    """Yield one sentence for each thing that a study lacks; checked when the study is asked for, before any job."""
    missing = [model for model in MODELS_NEEDED.get(study, ()) if model not in config["models"]]
    if missing:
        yield (
            f"the study {study} compares the models {' and '.join(MODELS_NEEDED[study])}, but models does not define "
            f"{' and '.join(missing)}; define it, or ask for other studies by name (docs/studies.md)"
        )
    if study == "error_bounds":
        yield from _layer_faults(study, config, list(config["models"]))
    if study == "last_layer_refit" and "normal" in config["models"]:
        yield from _layer_faults(study, config, ["normal"])
        dataset = config["models"]["normal"]["dataset"]
        if lacks_training_images(config["datasets"][dataset]):
            yield (
                f"the study {study} fits a linear layer on training images, but datasets.{dataset} has none; add train "
                "and their path, or ask for other studies by name (docs/studies.md)"
            )
    for key in LINF_NEEDED.get(study, ()):
        section, name = key.split(".")
        if config[section][name] != "linf":
            yield (
                f"the study {study} puts linf beside l2, but {key} is {config[section][name]!r}; write linf, or ask "
                "for other studies by name (docs/studies.md)"
            )
    yield from unit_faults_of_study(study, config)
    _, n_test = split_sizes(config["datasets"][config["evaluation_dataset"]])
    for key in IMAGES_NEEDED.get(study, ()):
        yield from too_many(config, key, n_test, "test images")


def _layer_faults(study: str, config: Mapping[str, Any], models: Sequence[str]) -> Iterator[str]:
    """Yield one sentence for each model that is not measured at every feature behind which the linear layer is."""
    for model in models:
        settings = sensitivity_settings_of(config, model)
        found = [f"{key} is {settings[key]!r}" for key in ("layer", "features") if settings[key] is not None]
        if found:
            yield (
                f"the study {study} needs every input of the last linear layer of {model}, but there {found[0]}; "
                "write null, or ask for other studies by name (docs/studies.md)"
            )
