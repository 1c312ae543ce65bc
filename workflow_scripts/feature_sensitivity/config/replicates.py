"""Replicates: a model trained with further seeds, here or elsewhere, each under a name of its own. Needs no torch.

The first seed keeps the model's name; another seed adds itself, as in ``normal_seed1``. No model of a
configuration may end so, and an epsilon follows an underscore of its own, so every file name can be read back.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from feature_sensitivity.config.models import is_imported

SEED = "{seed}"
"""What stands for the seed in the path of weights."""

SUFFIX = re.compile(r"_seed(\d+)$")


def replicate_names(models: Mapping[str, Mapping[str, Any]], seeds: Sequence[int]) -> list[str]:
    """Return the name of every model with every seed, model by model, in the order of the seeds.

    ``models`` are the configuration's.
    """
    return [
        name
        for model, settings in models.items()
        for name in (model, *(f"{model}_seed{seed}" for seed in seeds[1:] if has_replicates(settings)))
    ]


def has_replicates(settings: Mapping[str, Any]) -> bool:
    """Return whether there is a network for each seed: trained here, or with ``{seed}`` in the path of its weights."""
    return not is_imported(settings) or SEED in (settings.get("weights") or "")


def with_seed(settings: Mapping[str, Any], seed: int) -> dict[str, Any]:
    """Return a model's entry in the configuration with the path of one seed's weights."""
    weights = settings.get("weights")
    return {**settings, "weights": weights.replace(SEED, str(seed))} if weights else dict(settings)


def model_of(replicate: str) -> str:
    """Return the model of the configuration to which a replicate belongs."""
    return SUFFIX.sub("", replicate)


def seed_of(replicate: str, seeds: Sequence[int]) -> int:
    """Return the seed with which a replicate is trained."""
    suffix = SUFFIX.search(replicate)
    return int(suffix[1]) if suffix else seeds[0]
