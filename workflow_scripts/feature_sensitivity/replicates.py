"""Replicates: a model trained again with further seeds, each under a name of its own. Needs no torch.

The first seed keeps the model's name; another seed adds itself, as in ``normal_seed1``. No model of a
configuration may end so, and an epsilon follows an underscore of its own, so every file name can be read back.
"""

import re
from collections.abc import Iterable, Sequence

SUFFIX = re.compile(r"_seed(\d+)$")


def replicate_names(models: Iterable[str], seeds: Sequence[int]) -> list[str]:
    """Every model with every seed, model by model, in the order of the seeds."""
    return [name for model in models for name in (model, *(f"{model}_seed{seed}" for seed in seeds[1:]))]


def model_of(replicate: str) -> str:
    """The model of the configuration that a replicate is one of."""
    return SUFFIX.sub("", replicate)


def seed_of(replicate: str, seeds: Sequence[int]) -> int:
    """The seed that a replicate is trained with."""
    suffix = SUFFIX.search(replicate)
    return int(suffix[1]) if suffix else seeds[0]
