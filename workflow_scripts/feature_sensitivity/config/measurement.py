"""Settings of what is measured: accuracy under attack, and feature extrema."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from feature_sensitivity.config.attack import Attack


@dataclass(frozen=True, kw_only=True)
class AccuracySettings:
    """How robust accuracy is measured.

    ``iterate``: ``last``: the last iterate of each restart decides; ``any``: an image counts as correct only if it is
    so without attack and at every iterate. ``clip_to_pixel_box``: keep attacked images in the range of real ones.
    """

    attack: Attack
    iterate: str = "last"
    restarts: int = 1
    clip_to_pixel_box: bool = False
    seed: int = 0

    @classmethod
    def from_config(cls, section: Mapping[str, Any], *, epsilon: str, seed: int) -> Self:
        """Return the settings of the section ``accuracy`` at an epsilon as spelled in the config."""
        names = ("iterate", "restarts", "clip_to_pixel_box")
        return cls(attack=Attack.from_config(section, epsilon), seed=seed, **{name: section[name] for name in names})


@dataclass(frozen=True, kw_only=True)
class ExtremaSettings:
    """What feature extrema depend on besides network, images and features.

    ``iterate``: ``best`` is the extremum over all iterates, start and clean image included; ``last`` takes
    the last iterate. ``surrogate_steps``: in so many first steps the gradient passes through the last ReLU as through
    the identity (Ilyas et al. 2019), so that a feature that is 0 can rise.
    ``search_dtype``: ``bfloat16`` looks for the best iterate in lower precision, and the value that counts is
    its float32 one, still that of a point in the ball. ``batch_size``: rows on a GPU, or on each core of a CPU,
    attacked at a time; None fits the device.
    """

    attack: Attack
    iterate: str = "best"
    restarts: int = 1
    clip_to_pixel_box: bool = False
    surrogate_steps: int = 0
    search_dtype: str = "float32"
    seed: int = 0
    batch_size: int | None = None

    @classmethod
    def from_config(cls, section: Mapping[str, Any], *, epsilon: str, seed: int) -> Self:
        """Return the settings of the section ``sensitivity`` at an epsilon as spelled in the config."""
        names = ("iterate", "restarts", "clip_to_pixel_box", "surrogate_steps", "search_dtype", "batch_size")
        return cls(attack=Attack.from_config(section, epsilon), seed=seed, **{name: section[name] for name in names})
