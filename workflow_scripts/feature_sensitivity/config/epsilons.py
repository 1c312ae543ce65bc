"""Every epsilon of the config: one spelling for each, so that none is measured twice, and what is wrong with it."""

from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

from feature_sensitivity.config.units import exact

Config = Mapping[str, Any]


def spelling(epsilon: str, config: Config) -> str:
    """Return how a positive epsilon is spelled: as the config spells this number, or without needless zeros."""
    known = [*config["epsilons"], *(other for own in epsilons_of_studies(config).values() for other in own)]
    if epsilon in known:
        return epsilon
    decimal, slash, denominator = epsilon.partition("/")
    whole, _, decimals = decimal.partition(".")
    shortest = f"{whole.lstrip('0') or '0'}.{decimals.rstrip('0')}".rstrip(".")
    return next((other for other in known if exact(other) == exact(epsilon)), f"{shortest}{slash}{denominator}")


def epsilons_of_studies(config: Config) -> dict[str, list[str]]:
    """Return the epsilons among the settings of studies, by dotted key: ``epsilons``, a list, or ``epsilon``, one."""
    found = {}
    for study, settings in config["studies"].items():
        if "epsilons" in settings:
            found[f"studies.{study}.epsilons"] = settings["epsilons"]
        if "epsilon" in settings:
            found[f"studies.{study}.epsilon"] = [settings["epsilon"]]
    return found


def epsilon_faults(config: Config) -> Iterator[str]:
    """Yield one sentence for each epsilon that is 0 or stands twice in a list."""
    yield from _list_faults("epsilons", config["epsilons"])
    yield from _positive(
        "adversarial_training.epsilon", config["adversarial_training"]["epsilon"], "or use training: normal"
    )
    for key, epsilons in epsilons_of_studies(config).items():
        if key.endswith(".epsilon"):
            yield from _positive(key, epsilons[0], "since nothing moves without a perturbation")
        else:
            yield from _list_faults(key, epsilons)


def _positive(key: str, epsilon: str, advice: str) -> Iterator[str]:
    if exact(epsilon) == 0:
        yield f"{key} is {epsilon}; write a positive epsilon, {advice}"


def _list_faults(key: str, epsilons: Sequence[str]) -> Iterator[str]:
    seen: dict[Fraction, str] = {}
    for epsilon in epsilons:
        number = exact(epsilon)
        if number == 0:
            yield f"{key} has {epsilon!r}; leave it out, accuracy without attack is always measured"
        elif number in seen:
            yield f"{key} has {epsilon!r} and {seen[number]!r}, the same number; keep one of them"
        seen.setdefault(number, epsilon)


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
