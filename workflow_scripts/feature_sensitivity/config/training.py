"""Settings of training."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from feature_sensitivity.config.attack import Attack

SCHEDULES = ("step", "constant", "cosine", "one_cycle")


@dataclass(frozen=True)
class TrainingSettings:
    """What a training run depends on besides its data.

    ``crop_padding``: pixels by which an image is padded with black before a random part of its size is taken.
    ``attack``: that of adversarial training; None in normal training.
    ``attack_batchnorm``: inside the attack ``eval`` uses the running statistics, ``train`` those of the attacked batch.
    ``mixed_precision``: convolutions and matrix products in bfloat16, which needs no scaling of the loss.
    ``compile``: the network and its attacked copy go through ``torch.compile``.
    """

    epochs: int
    batch_size: int
    learning_rate: float
    momentum: float
    weight_decay: float
    schedule: str
    horizontal_flip: bool
    seed: int
    crop_padding: int = 0
    attack: Attack | None = None
    attack_batchnorm: str = "eval"
    mixed_precision: bool = False
    compile: bool = False

    @classmethod
    def from_config(cls, section: Mapping[str, Any], adversarial: Mapping[str, Any] | None, *, seed: int) -> Self:
        """Return the settings of the sections ``training`` and, for an adversarial model, ``adversarial_training``."""
        if adversarial is None:
            return cls(**section, seed=seed)
        attack = Attack.from_config(adversarial, adversarial["epsilon"])
        return cls(**section, seed=seed, attack=attack, attack_batchnorm=adversarial["batchnorm"])
