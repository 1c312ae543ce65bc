"""Networks of RobustBench (Croce et al. 2021), where its package is installed: robustbench:NAME."""

import sys
from collections.abc import Mapping
from typing import Any

from torch import nn

from feature_sensitivity.networks.libraries import near_names, not_installed
from feature_sensitivity.runtime.errors import UserError

PREFIX = "robustbench:"
N_CLASSES = {"cifar10": 10, "cifar100": 100, "imagenet": 1000}


def without_weights(model: str, arguments: Mapping[str, Any]) -> nn.Module:
    """Return a network of RobustBench as it is built, for ``dataset`` and ``threat_model`` as RobustBench names them.

    Raises :class:`UserError` when the package is missing, or has no such network.
    """
    entry = _entry(model, arguments)
    import timm

    # Its networks in timm would be downloaded with their weights by their entries.
    dataset, threat_model = arguments["dataset"], arguments["threat_model"]
    in_timm = f"{model.replace('-', '_')}_{dataset}_{threat_model}".lower()
    if timm.is_model(in_timm):
        return timm.create_model(in_timm, pretrained=False, num_classes=N_CLASSES[dataset])
    return entry["model"]()


def with_its_weights(architecture: Mapping[str, Any]) -> nn.Module | None:
    """Return a network of RobustBench with its published weights, from ``model_dir``; None for any other network.

    RobustBench downloads what that folder lacks. Raises :class:`UserError` when it cannot.
    """
    name = str(architecture["name"])
    if not name.startswith(PREFIX):
        return None
    arguments = {key: value for key, value in architecture.items() if key != "name"}
    _entry(name.removeprefix(PREFIX), arguments)
    from robustbench.utils import load_model

    try:
        return load_model(name.removeprefix(PREFIX), **arguments)
    except Exception as error:  # whatever a download or a damaged file raises
        reason = " ".join(str(error).split())[:200]
        raise UserError(
            f"RobustBench could not load {name} ({type(error).__name__}: {reason}); put its file where it looks for "
            "it, or name a local file under weights"
        ) from error


def _entry(model: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what RobustBench lists under a name."""
    try:
        from robustbench.model_zoo.enums import BenchmarkDataset, ThreatModel
        from robustbench.model_zoo.models import model_dicts
    except ImportError as error:
        raise _cannot_be_imported(error) from error
    try:
        entries = model_dicts[BenchmarkDataset(arguments["dataset"])][ThreatModel(arguments["threat_model"])]
    except (KeyError, ValueError) as error:
        raise UserError(
            f"architecture {PREFIX}{model} needs two arguments, dataset (cifar10, cifar100 or imagenet) and "
            "threat_model (Linf, L2 or corruptions), as RobustBench lists it"
        ) from error
    if model not in entries:
        raise UserError(f"RobustBench has no {model!r} for this dataset and threat; {near_names(model, [*entries])}")
    return entries[model]


def _cannot_be_imported(error: ImportError) -> UserError:
    if error.name == "robustbench":
        return not_installed("robustbench")
    if error.name == "autoattack":  # not on PyPI, so its own requirements do not name it
        where = "git+https://github.com/fra31/auto-attack"
        return UserError(f"robustbench needs the package autoattack; type {sys.executable} -m pip install {where}")
    return UserError(f"robustbench cannot be imported ({error}); install what it needs")
