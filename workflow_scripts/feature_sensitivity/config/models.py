"""A model's entry in the configuration, with the run's settings where it has none of its own; the datasets it needs.

Replicates are a model with further seeds, trained here or elsewhere, each under a name of its own. The first seed keeps
the model's name; another seed adds itself, as in ``normal_seed1``. No model of a configuration may end so, and an
epsilon follows an underscore of its own, so every file name can be read back.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

Config = Mapping[str, Any]

NORMAL, ADVERSARIAL, ROBUST = "normal", "adversarial", "robust_dataset"

PAPER_MODELS = (NORMAL, ADVERSARIAL, ROBUST)
"""The names of the paper's three models, as claims and studies use them."""

OWN_SENSITIVITY_KEYS = ("layer", "positions", "channels", "features")
"""Of the section ``sensitivity``, what a model may have its own of."""

SEED = "{seed}"
"""What stands for the seed in the path of weights."""

SUFFIX = re.compile(r"_seed(\d+)$")


def is_imported(entry: Config) -> bool:
    """Return whether a model is trained already."""
    return bool(entry.get("weights")) or ("architecture" in entry and "training" not in entry)


def architecture_of(config: Config, model: str) -> dict[str, Any]:
    """Return a model's architecture: its name, and arguments."""
    own = config["models"][model].get("architecture")
    return _with_name(own) if own else default_architecture(config)


def default_architecture(config: Config) -> dict[str, Any]:
    """Return the architecture of the run, for models without one of their own: its name, and arguments."""
    return _with_name(config["network"]["architecture"])


def _with_name(architecture: str | Config) -> dict[str, Any]:
    return {"name": architecture} if isinstance(architecture, str) else dict(architecture)


def needs_weights(architecture: Config) -> bool:
    """Return whether a network of this name has no weights of its own: the user's functions may give some."""
    name = str(architecture["name"])
    source, colon, _ = name.partition(":")
    return not colon or source in ("torchvision", "timm")


def own_sensitivity_settings(config: Config, model: str) -> dict[str, Any]:
    """Return what a model has of its own in place of settings of the section ``sensitivity``."""
    entry = config["models"].get(model, {})
    return {key: entry[key] for key in OWN_SENSITIVITY_KEYS if entry.get(key) is not None}


def sensitivity_settings_of(config: Config, model: str) -> dict[str, Any]:
    """Return the section ``sensitivity`` as it holds for a model."""
    return {**config["sensitivity"], **own_sensitivity_settings(config, model)}


def replicate_names(models: Mapping[str, Config], seeds: Sequence[int]) -> list[str]:
    """Return the name of every model with every seed, model by model, in the order of the seeds.

    ``models`` are the configuration's.
    """
    return [
        name
        for model, settings in models.items()
        for name in (model, *(f"{model}_seed{seed}" for seed in seeds[1:] if has_replicates(settings)))
    ]


def has_replicates(settings: Config) -> bool:
    """Return whether there is a network for each seed: trained here, or with ``{seed}`` in the path of its weights."""
    return not is_imported(settings) or SEED in (settings.get("weights") or "")


def with_seed(settings: Config, seed: int) -> dict[str, Any]:
    """Return a model's entry in the configuration with the path of one seed's weights."""
    weights = settings.get("weights")
    return {**settings, "weights": weights.replace(SEED, str(seed))} if weights else dict(settings)


def model_of(replicate: str) -> str:
    """Return the model of the configuration to which a replicate belongs."""
    return SUFFIX.sub("", replicate)


def seed_of(replicate: str, seeds: Sequence[int]) -> int:
    """Return the seed with which a replicate is trained."""
    suffix = SUFFIX.search(replicate)
    return int(suffix[1]) if suffix else seeds[0]


def used_datasets(config: Config) -> list[str]:
    """Return the names of the datasets that a run builds, in the order of the configuration."""
    wanted = [config["evaluation_dataset"], *(model["dataset"] for model in config["models"].values())]
    used = set().union(*(ancestors(config, name) for name in wanted))
    return [name for name in config["datasets"] if name in used]


def ancestors(config: Config, dataset: str, seen: frozenset[str] = frozenset()) -> set[str]:
    """Return a dataset and all that it is made from, as far as the configuration defines them."""
    entry = config["datasets"].get(dataset)
    if entry is None or dataset in seen:
        return set()
    found = {dataset}
    if entry["source"] == "construction":
        teacher = config["models"].get(entry["teacher"], {}).get("dataset")
        for parent in (entry["original"], teacher):
            found |= ancestors(config, parent, seen | {dataset}) if parent else set()
    return found
