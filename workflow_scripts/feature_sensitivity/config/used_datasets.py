"""Which datasets a configuration needs: those of its models, and what they are made from."""

from collections.abc import Mapping
from typing import Any


def used_datasets(config: Mapping[str, Any]) -> list[str]:
    """Return the names of the datasets that a run builds, in the order of the configuration."""
    wanted = [config["evaluation_dataset"], *(model["dataset"] for model in config["models"].values())]
    used = set().union(*(ancestors(config, name) for name in wanted))
    return [name for name in config["datasets"] if name in used]


def ancestors(config: Mapping[str, Any], dataset: str, seen: frozenset[str] = frozenset()) -> set[str]:
    """Return a dataset and all that it is made from, as far as the configuration defines them."""
    entry = config["datasets"].get(dataset)
    if entry is None or dataset in seen:
        return set()
    found = {dataset}
    if entry["source"] == "construction":
        teacher = config["models"].get(entry["teacher"], {}).get("dataset")
        for parent in (entry["original"], teacher):
            found |= ancestors(config, parent, seen | {dataset}) if parent else set()
    return found
