"""What a study tells the rules, the check of the configuration, the costs and the report. Needs no torch."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from feature_sensitivity.config.costs import Job
from feature_sensitivity.config.epsilons import epsilons_of_studies, left_over
from feature_sensitivity.config.measurement import AccuracySettings, SensitivitySettings
from feature_sensitivity.config.models import sensitivity_settings_of
from feature_sensitivity.config.size_faults import split_sizes, too_many
from feature_sensitivity.config.units import UNIT_TITLES, number
from feature_sensitivity.reporting.protocol import accuracy_sentence, sensitivity_sentence, setting_text

Config = Mapping[str, Any]
Row = tuple[str | int | float, ...]

OR_OTHERS = "or ask for other studies by name (docs/studies.md)"
"""The end of the advice in a fault."""


class Scope(NamedTuple):
    """The models and epsilons, as spelled in the config, of which a table is, and the whole config."""

    models: Sequence[str]
    epsilons: Sequence[str]
    config: Config

    @property
    def numbers(self) -> list[float]:
        """The epsilons."""
        return list(map(number, self.epsilons))


@dataclass(frozen=True, kw_only=True)
class Variant:
    """Measurements that a study compares: the run's own, or such with other settings.

    Attributes:
        folder: where they are, below ``results/studies``; empty for the run's own.
        epsilons: as spelled in the config.
        accuracy: entries that replace those of the section ``accuracy``; None without accuracies.
        sensitivity: entries that replace those of the section ``sensitivity``.
        has_figures: whether the paper's figures are drawn of it.
    """

    folder: str = ""
    epsilons: Sequence[str]
    accuracy: Config | None
    sensitivity: Config
    has_figures: bool = False

    def changed(self, config: Config) -> dict[str, Any]:
        """Return the configuration in which this is the run's own measurement."""
        changes = {"accuracy": self.accuracy or {}, "sensitivity": self.sensitivity}
        sections = {name: {**config[name], **entries} for name, entries in changes.items()}
        return {**config, "epsilons": self.epsilons, **sections}


def accuracy_of(config: Config) -> AccuracySettings:
    """Return how the run measures accuracies."""
    return AccuracySettings.from_config(config["accuracy"], seed=config["seeds"][0])


def sensitivity_of(config: Config, model: str = "") -> SensitivitySettings:
    """Return how the run measures sensitivities, those of a model if one is named."""
    return SensitivitySettings.from_config(sensitivity_settings_of(config, model), seed=config["seeds"][0])


def both_attacks(config: Config) -> str:
    """Return the sentences on the attacks of the run, on the classifier and on features."""
    return f"{accuracy_sentence(accuracy_of(config))} {sensitivity_sentence(sensitivity_of(config))}"


@dataclass(frozen=True, kw_only=True)
class StudyPlan:
    """A study, as far as it is known before any job.

    It either compares measurements, its ``variants``, or it makes some, for which it has ``inputs``, ``settings``, and
    a ``cost``. The functions take the whole config.

    Attributes:
        name: that of its folder, its target, its files and its settings.
        columns: that name a row of its table; ``rows`` yields these columns of each row.
        models: that it compares, by their names in the config; empty for all.
        trains_on: the model on whose training images it fits something.
        test_images: keys of its settings that ask for random test images.
        faults: yields a sentence for each further thing that it lacks.
        attacks: the sentences on the attacks that it rests on.
        variants: what it compares, by label.
        in_parts: whether it has a table for each model and epsilon, or one in all.
        inputs: paths of files by the name of the argument that takes them, with the wildcards of a part.
        settings: the other arguments, of a model at an epsilon if the study is in parts.
        cost: the floating-point operations of a job.
        behind_a_claim: whether a claim rests on its table.
    """

    name: str
    columns: Sequence[str]
    rows: Callable[[Scope], Iterable[Row]]
    models: Sequence[str] = ()
    trains_on: str | None = None
    test_images: Sequence[str] = ()
    faults: Callable[[Config], Iterable[str]] = lambda config: ()
    attacks: Callable[[Config], str] = both_attacks
    variants: Callable[[Config], Mapping[str, Variant]] = lambda config: {}
    in_parts: bool = False
    inputs: Callable[[Config], Mapping[str, str]] = lambda config: {}
    settings: Callable[[Config, str, str], Mapping[str, Any]] = lambda config, model, epsilon: {}
    cost: Callable[[Job], float] = lambda job: 0.0
    behind_a_claim: bool = False

    def own_epsilons(self, config: Config) -> dict[str, list[str]]:
        """Return the epsilons among the study's settings, by dotted key."""
        found = epsilons_of_studies(config)
        return {key: epsilons for key, epsilons in found.items() if key.startswith(f"studies.{self.name}.")}

    def compared_models(self, config: Config) -> list[str]:
        """Return the models of its tables."""
        return list(self.models or config["models"])

    def lacks(self, config: Config) -> Iterator[str]:
        """Yield one sentence for each thing that the study lacks; checked when it is asked for, before any job."""
        missing = [model for model in self.models if model not in config["models"]]
        if missing:
            yield (
                f"the study {self.name} compares the models {' and '.join(self.models)}, but models does not define "
                f"{' and '.join(missing)}; define it, {OR_OTHERS}"
            )
        yield from self.faults(config)
        for key, epsilons in self.own_epsilons(config).items():
            yield from left_over(config, key, epsilons)
        _, n_test = split_sizes(config["datasets"][config["evaluation_dataset"]])
        for name in self.test_images:
            yield from too_many(config, f"studies.{self.name}.{name}", n_test, "test images")

    def protocol(self, config: Config) -> str:
        """Return the sentences that state the study's settings and the attacks that it rests on."""
        settings = config["studies"].get(self.name, {})
        own = ", ".join(f"{key} {setting_text(value)}" for key, value in settings.items())
        studied = f"Study: {own}. " if own else ""
        unit = UNIT_TITLES[config["epsilon_unit"]]
        return f"{studied}{self.attacks(config)} Seed {config['seeds'][0]}. Intervals at 95 %. Epsilon in {unit}."


def own_files(config: Config, *, epsilons: Sequence[str] | None = None, accuracy: bool = True) -> Variant:
    """Return the run's own measurements, by default at its own epsilons."""
    chosen = config["epsilons"] if epsilons is None else epsilons
    return Variant(epsilons=chosen, accuracy={} if accuracy else None, sensitivity={})


def layer_faults(study: str, config: Config, models: Iterable[str]) -> Iterator[str]:
    """Yield one sentence for each model that is not measured at every feature behind which the linear layer is."""
    for model in models:
        settings = sensitivity_settings_of(config, model)
        found = [f"{key} is {settings[key]!r}" for key in ("layer", "features") if settings[key] is not None]
        if found:
            yield (
                f"the study {study} needs every input of the last linear layer of {model}, but there {found[0]}; "
                f"write null, {OR_OTHERS}"
            )
