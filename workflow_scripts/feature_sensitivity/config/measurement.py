"""Settings of what is measured: accuracy under attack, and the sensitivity of features. Needs no torch."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from functools import cached_property
from typing import Any, ClassVar, Self

from feature_sensitivity.config.attack import Attack, steps_sentence
from feature_sensitivity.config.units import exact

OUTPUTS = "output of the network"
"""Where features are, in the file of a measurement, if no linear map makes the outputs of their network."""


@dataclass(frozen=True, kw_only=True)
class MeasurementSettings:
    """The keys that the sections ``accuracy`` and ``sensitivity`` of the config share, and what holds for both.

    ``epsilon``: the one that is measured, as spelled in the config; None for settings that hold for all of them.
    ``epsilon_unit`` and ``seed``: those of the run. ``images``: how many random test images; None takes all.
    """

    norm: str = "linf"
    steps: int = 20
    relative_step_size: str | float = "1/8"
    schedule: str = "constant"
    momentum: float = 0
    restarts: int = 1
    iterate: str = "last"
    clip_to_pixel_box: bool = False
    images: int | None = None
    epsilon_unit: str = "standardized"
    epsilon: str | float | None = None
    seed: int = 0

    @classmethod
    def from_config(cls, section: Mapping[str, Any], **others: Any) -> Self:
        """Return the settings of a section of the config, whose protocol is resolved; ``others`` replace or add some.

        Keys that the section lacks have their defaults.
        """
        known = {field.name for field in fields(cls)}
        return cls(**{key: value for key, value in section.items() if key in known} | others)

    def at(self, epsilon: str | float) -> Self:
        """Return the same settings at one epsilon."""
        return replace(self, epsilon=epsilon)

    def as_parameters(self, *without: str) -> dict[str, Any]:
        """Return plain builtins from which the settings can be built again, without some that change no number."""
        return {name: value for name, value in asdict(self).items() if name not in without}

    @cached_property
    def attack(self) -> Attack:
        """The attack at the epsilon of these settings, which must have one."""
        assert self.epsilon is not None, "settings for every epsilon have no attack"
        return Attack.from_config(asdict(self), self.epsilon)

    def attributes(self) -> dict[str, Any]:
        """Return the settings of the attack that the file of a measurement must record."""
        names = ("norm", "epsilon_unit", "steps", "schedule", "restarts", "clip_to_pixel_box", "seed")
        return {**{name: getattr(self, name) for name in names}, "momentum": float(self.momentum)}

    def _pgd(self, *, on: str = "", surrogate: str = "") -> str:
        restarts = f", {self.restarts} restarts" if self.restarts > 1 else ""
        return f"{self.norm} PGD{on}, {steps_sentence(asdict(self))}{surrogate}{restarts}, {self.iterate} iterate"

    def _pixel_box(self) -> str:
        return f"{'clipped' if self.clip_to_pixel_box else 'not clipped'} to the pixel box"


@dataclass(frozen=True, kw_only=True)
class AccuracySettings(MeasurementSettings):
    """How robust accuracy is measured.

    ``iterate``: ``last``: the last iterate of each restart decides; ``any``: an image counts as correct only if it is
    so without attack and at every iterate. ``clip_to_pixel_box``: keep attacked images in the range of real ones.
    ``stronger_attack``: a further attack beside PGD, ``apgd`` or None.
    """

    stronger_attack: str | None = None

    def attributes(self) -> dict[str, Any]:
        """Return all that the files of accuracies must record, except the epsilons."""
        return {
            **super().attributes(),
            "relative_step_size": float(exact(self.relative_step_size)),
            "iterate": self.iterate,
            "images": self.images or "all",
            "stronger_attack": self.stronger_attack or "none",
        }

    def sentence(self) -> str:
        """Return the attack on the classifier, as captions state it."""
        return f"{self._pgd(on=' on the cross-entropy')}, {self._pixel_box()}"


@dataclass(frozen=True, kw_only=True)
class SensitivitySettings(MeasurementSettings):
    """How the sensitivity of features is measured, and which features.

    ``iterate``: ``best`` is the extremum over all iterates, start and clean image included; ``last`` takes
    the last iterate. ``surrogate_steps``: in so many first steps the gradient passes through the last ReLU as through
    the identity (Ilyas et al. 2019), so that a feature that is 0 can rise.
    ``layer``, ``positions``, ``channels``, ``features``: where the features are, and how many or which; None as in the
    config.
    ``definition``, ``weight_normalization``: how sensitivities are derived from the extrema, which needs no attack.
    ``target_relative_error``: the relative standard error at which a measurement stops; None takes all images.
    ``search_dtype``: ``bfloat16`` looks for the best iterate in lower precision, and the value that counts is
    its float32 one, still that of a point in the ball. ``batch_size``: rows on a GPU, or on each core of a CPU,
    attacked at a time; None fits the device. ``shards``: jobs that share the images.
    """

    iterate: str = "best"
    surrogate_steps: int = 0
    layer: str | None = None
    positions: str | None = None
    channels: str | None = None
    features: int | tuple[int, ...] | None = None
    definition: str = "max_abs"
    weight_normalization: str = "max_abs"
    target_relative_error: float | None = None
    search_dtype: str = "float32"
    batch_size: int | None = None
    shards: int = 1

    DERIVATION: ClassVar = ("definition", "weight_normalization")
    """Settings that decide no extremum."""

    def __post_init__(self) -> None:
        """Keep a list of features as a tuple, so that settings can be compared and hashed."""
        if isinstance(self.features, list):
            object.__setattr__(self, "features", tuple(self.features))

    def as_parameters(self, *without: str) -> dict[str, Any]:
        """Return plain builtins, as in the base class; features as the list that the config has."""
        found = super().as_parameters(*without)
        return {name: list(value) if isinstance(value, tuple) else value for name, value in found.items()}

    def attack_on_the_class(self, accuracy: AccuracySettings, **changes: Any) -> AccuracySettings:
        """Return the attack on the classifier, to its last step, in the ball and on the images of these settings.

        ``changes`` replace further settings of ``accuracy``.
        """
        same: dict[str, Any] = {name: getattr(self, name) for name in ("norm", "clip_to_pixel_box", "images")}
        return replace(accuracy, **{**same, "iterate": "last", "stronger_attack": None, **changes})

    def feature_layer(self) -> dict[str, str | None]:
        """Return the arguments that say where the features are."""
        return {"layer": self.layer, "positions": self.positions, "channels": self.channels}

    def place(self) -> dict[str, str]:
        """Return where the features are, as files record it."""
        default = {"layer": "penultimate", "positions": "default", "channels": "default"}
        return {key: value or default[key] for key, value in self.feature_layer().items()}

    def attributes(self) -> dict[str, Any]:
        """Return all that a sensitivity file must record, except what is derived from its extrema."""
        return {
            **super().attributes(),
            "epsilon": self.attack.epsilon,
            "step_size": self.attack.step_size,
            "iterate": self.iterate,
            "surrogate_steps": self.surrogate_steps,
            "search_dtype": self.search_dtype,
            **self.place(),
            "target_relative_error": self.target_relative_error or "off",
            "images": self.images or "all",
            "features": self.features or "all",
        }

    def sentence(self) -> str:
        """Return the attack on features and the definition of sensitivity, as captions state them."""
        return f"{self.attack_sentence()}; {self.definition_sentence()}"

    def attack_sentence(self) -> str:
        """Return the attack on features alone, as captions state it."""
        n = self.surrogate_steps
        surrogate = f", surrogate gradient in the first {'step' if n == 1 else f'{n} steps'}" if n else ""
        return self._pgd(surrogate=surrogate) + (f", {self._pixel_box()}" if self.clip_to_pixel_box else "")

    def definition_sentence(self) -> str:
        """Return the definition of sensitivity, as captions state it."""
        return f"definition {self.definition}, weights {self.weight_normalization}"
