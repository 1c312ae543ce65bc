"""What one forward pass of each model's network costs. Needs no torch.

Networks are counted in a process of their own (``networks/pass_cost.py``), once: a file keeps the counts. A network
that is not counted yet, or cannot be, is taken for a ResNet18 of the run's width.
"""

import contextlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from feature_sensitivity.config.architectures import built_in_features, with_width
from feature_sensitivity.config.models import architecture_of, default_architecture, sensitivity_settings_of
from feature_sensitivity.config.user_code import sha256_of_code
from feature_sensitivity.runtime.code_closure import PACKAGE

CHANGES_NO_RESULT = True
Config = Mapping[str, Any]

RUN = ""
"""Stands in place of a model's name for the architecture of the run, where a job is not about one model."""

RESNET18_MACS, RESNET18_VALUES = 0.5554e9, 614_400
"""Multiply-accumulates, and values written, of ResNet18 of width 64 for 32 x 32 pixels."""

LONGEST_COUNT = 300
"""Seconds after which networks that are still not counted are left uncounted."""


class PassCost(NamedTuple):
    """What one forward pass of a network costs for one image, and how many features are measured.

    Attributes:
        flop: floating-point operations of convolutions, matrix products and attention.
        values: numbers that these write.
        n_features: all features of the measured layer.
    """

    flop: float
    values: float
    n_features: int


Counts = Mapping[str, PassCost]
"""Costs by network, as :func:`network_key` spells it."""


def pass_costs(config: Config, counts: Counts) -> dict[str, PassCost]:
    """Return the cost of every model's network, and that of the run's architecture under ``RUN``."""
    keys = network_keys(config)
    return {model: counts.get(key) or _assumed(config, model) for model, key in keys.items()}


def uncounted(config: Config, counts: Counts) -> list[str]:
    """Return the models whose cost is not counted, and is that of another network than theirs."""
    return [
        model
        for model, key in network_keys(config).items()
        if model != RUN and key not in counts and architecture_of(config, model)["name"] != "resnet18"
    ]


def network_keys(config: Config) -> dict[str, str]:
    """Return by model, as text, all that decides what a forward pass of its network costs."""
    return {model: json.dumps(_network(config, model), sort_keys=True) for model in (*config["models"], RUN)}


def read_counts(file: Path) -> dict[str, PassCost]:
    """Return the counts that a file keeps; none where it is missing, or is not such a file."""
    try:
        return {key: PassCost(*numbers) for key, numbers in json.loads(file.read_text()).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def count_networks(config: Config, file: Path) -> dict[str, PassCost]:
    """Return the counts that a file keeps, after those were added to it that the configuration's models lack.

    A network that cannot be built here yet, for want of a library or of a file, is left out: its own job says why.
    """
    missing = sorted(set(network_keys(config).values()) - read_counts(file).keys())
    if missing:
        with contextlib.suppress(subprocess.TimeoutExpired):
            subprocess.run(
                [sys.executable, "-m", "feature_sensitivity.networks.pass_cost", str(file)],
                input="\n".join(missing),
                env={**os.environ, "PYTHONPATH": str(PACKAGE.parent)},
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                text=True,
                timeout=LONGEST_COUNT,
                check=False,
            )
    return read_counts(file)


def _network(config: Config, model: str) -> dict[str, Any]:
    architecture = default_architecture(config) if model == RUN else architecture_of(config, model)
    settings = sensitivity_settings_of(config, model)
    return {
        "architecture": with_width(architecture, config["network"]["width"]),
        "image_shape": [len(config["standardization"]["mean"]), *[image_size(config)] * 2],
        "layer": settings["layer"],
        "positions": settings["positions"],
        "code_sha256": sha256_of_code(str(architecture["name"])),
    }


def image_size(config: Config) -> int:
    """Return the height and width of the images, as far as the configuration gives them; otherwise CIFAR-10's."""
    dataset = config["datasets"][config["evaluation_dataset"]]
    return int(dataset.get("size") or dataset.get("center_crop") or dataset.get("resize") or 32)


def _assumed(config: Config, model: str) -> PassCost:
    """Return the cost of ResNet18, with the features of the model's own network where it is built in."""
    architecture, width = _network(config, model)["architecture"], int(config["network"]["width"])
    if architecture["name"] == "resnet18":
        width = int(architecture["width"])
    share = width / 64 * (image_size(config) / 32) ** 2
    n_features = built_in_features(architecture, width) or 8 * width
    return PassCost(2 * RESNET18_MACS * share * width / 64, RESNET18_VALUES * share, n_features)
