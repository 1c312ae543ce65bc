"""The attributes of a sensitivity file that the configuration alone decides."""

from collections.abc import Mapping
from typing import Any

from feature_sensitivity.config.measurement import ExtremaSettings
from feature_sensitivity.networks.classifier import Classifier


def settings_attributes(*, model: str, epsilon: str, section: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """Return model, epsilon, the settings of the attack, and the seed.

    ``section``: as ``sensitivity`` in the config.
    """
    settings = ExtremaSettings.from_config(section, epsilon=epsilon, seed=seed)
    return {
        "model": model,
        "norm": settings.attack.norm,
        "epsilon": settings.attack.epsilon,
        "epsilon_unit": settings.attack.unit,
        "steps": settings.attack.steps,
        "step_size": settings.attack.step_size,
        "schedule": settings.attack.schedule,
        "momentum": settings.attack.momentum,
        "iterate": settings.iterate,
        "restarts": settings.restarts,
        "clip_to_pixel_box": settings.clip_to_pixel_box,
        "surrogate_steps": settings.surrogate_steps,
        "search_dtype": settings.search_dtype,
        "layer": section["layer"] or "penultimate",
        "positions": section["positions"] or "default",
        "channels": section["channels"] or "default",
        "target_relative_error": section["target_relative_error"] or "off",
        "seed": seed,
    }


def feature_attributes(network: Classifier) -> dict[str, Any]:
    """Return where a network's features are, in words, and whether surrogate steps had another gradient there."""
    return {"features": network.feature_layer, "surrogate": int(network.has_surrogate)}
