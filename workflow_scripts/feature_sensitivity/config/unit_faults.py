"""Epsilons that are left over from standardized units where the configuration is in pixel units."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from feature_sensitivity.config.units import exact

Config = Mapping[str, Any]


def unit_faults(config: Config) -> Iterator[str]:
    """Yield one sentence for each epsilon of the attacks and of adversarial training that is no fraction."""
    yield from left_over(config, "epsilons", config["epsilons"])
    if any(model.get("training") == "adversarial" and not model.get("weights") for model in config["models"].values()):
        yield from left_over(config, "adversarial_training.epsilon", [config["adversarial_training"]["epsilon"]])


def left_over(config: Config, key: str, epsilons: Sequence[str]) -> Iterator[str]:
    """Yield one sentence for each epsilon at a key of the config that is no fraction, where pixel units need one."""
    for epsilon in epsilons:
        if config["epsilon_unit"] == "pixel" and "/" not in epsilon:
            yield (
                f"{key} has {epsilon!r}, but epsilon_unit is pixel, where epsilons are fractions, so that none is left "
                f"over from standardized units; write one such as 8/255 ({epsilon} of the pixel range is "
                f"{float(255 * exact(epsilon)):.4g}/255)"
            )
