"""The paper's configuration, and changes to it."""

import copy
from collections.abc import Mapping
from typing import Any

import yaml

from snakemake_runs import ROOT

SCHEMA = yaml.safe_load((ROOT / "rules/config.schema.yaml").read_text())


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """``base`` with nested ``changes``, as Snakemake lays one configuration over another."""
    result = copy.deepcopy(dict(base))
    for key, value in changes.items():
        nested = isinstance(value, Mapping) and isinstance(result.get(key), Mapping)
        result[key] = merged(result[key], value) if nested else value
    return result


def read(*paths: str) -> dict[str, Any]:
    config: dict[str, Any] = {}
    for path in paths:
        config = merged(config, yaml.safe_load((ROOT / path).read_text()))
    return config


PAPER = read("config.yaml")
