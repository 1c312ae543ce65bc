"""A model's entry in the configuration, with the run's settings where it has none of its own."""

from collections.abc import Mapping
from typing import Any

Config = Mapping[str, Any]

NORMAL, ADVERSARIAL, ROBUST = "normal", "adversarial", "robust_dataset"

PAPER_MODELS = (NORMAL, ADVERSARIAL, ROBUST)
"""The names of the paper's three models, as claims and studies use them."""

OWN_SENSITIVITY_KEYS = ("layer", "positions", "channels", "features")
"""Of the section ``sensitivity``, what a model may have its own of."""


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
