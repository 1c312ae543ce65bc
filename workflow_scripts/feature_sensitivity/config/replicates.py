"""Replicates: a model trained again with further seeds, each under a name of its own. Needs no torch.

The first seed keeps the model's name; another seed adds itself, as in ``normal_seed1``. No model of a
configuration may end so, and an epsilon follows an underscore of its own, so every file name can be read back.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from feature_sensitivity.config.models import is_imported

SUFFIX = re.compile(r"_seed(\d+)$")


def replicate_names(models: Mapping[str, Mapping[str, Any]], seeds: Sequence[int]) -> list[str]:
    """Return the name of every model with every seed, model by model, in the order of the seeds.

    ``models`` are the configuration's; one that is trained already has no further replicates.
    """
    return [
        name
        for model, settings in models.items()
        for name in (model, *(f"{model}_seed{seed}" for seed in seeds[1:] if not is_imported(settings)))
    ]


def model_of(replicate: str) -> str:
    """Return the model of the configuration to which a replicate belongs."""
    return SUFFIX.sub("", replicate)


def seed_of(replicate: str, seeds: Sequence[int]) -> int:
    """Return the seed with which a replicate is trained."""
    suffix = SUFFIX.search(replicate)
    return int(suffix[1]) if suffix else seeds[0]
