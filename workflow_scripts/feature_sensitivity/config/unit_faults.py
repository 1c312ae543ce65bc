"""Epsilons that are left over from standardized units where the configuration is in pixel units."""

from collections.abc import Iterator, Mapping
from typing import Any

from feature_sensitivity.config.units import exact

Config = Mapping[str, Any]

OF_STUDIES = {"crossing": "epsilons", "norms": "epsilons", "last_layer_refit": "epsilon"}
"""The key under a study's name that holds epsilons of its own."""


def unit_faults(config: Config) -> Iterator[str]:
    """Yield one sentence for each epsilon of the attacks and of adversarial training that is no fraction."""
    yield from _left_over(config, "epsilons", config["epsilons"])
    if any(model.get("training") == "adversarial" and not model.get("weights") for model in config["models"].values()):
        yield from _left_over(config, "adversarial_training.epsilon", [config["adversarial_training"]["epsilon"]])


def unit_faults_of_study(study: str, config: Config) -> Iterator[str]:
    """Yield one sentence for each of a study's own epsilons that is no fraction."""
    if key := OF_STUDIES.get(study):
        found = config["studies"][study][key]
        yield from _left_over(config, f"studies.{study}.{key}", [found] if isinstance(found, str) else found)


def _left_over(config: Config, key: str, epsilons: list[str]) -> Iterator[str]:
    for epsilon in epsilons:
        if config["epsilon_unit"] == "pixel" and "/" not in epsilon:
            yield (
                f"{key} has {epsilon!r}, but epsilon_unit is pixel, where epsilons are fractions, so that none is left "
                f"over from standardized units; write one such as 8/255 ({epsilon} of the pixel range is "
                f"{float(255 * exact(epsilon)):.4g}/255)"
            )
