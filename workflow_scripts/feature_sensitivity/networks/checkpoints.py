"""The files that hold trained networks."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import nn

from feature_sensitivity.networks.classifier import Classifier
from feature_sensitivity.networks.resnet import ResNet18
from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.runtime.tensor_files import load_tensors, save_tensors

ARCHITECTURES: Mapping[str, type[Classifier]] = {"resnet18": ResNet18}


def build(architecture: Mapping[str, Any]) -> Classifier:
    """A fresh network from ``{"name", "in_channels", "n_classes", "width"}``."""
    arguments = dict(architecture)
    return ARCHITECTURES[arguments.pop("name")](**arguments)


def save_checkpoint(path: Path, network: nn.Module, metadata: Mapping[str, Any]) -> None:
    """Write ``state_dict`` and plain-builtin ``metadata``, which must hold ``architecture``."""
    state = {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}
    save_tensors(path, {"state_dict": state, **metadata})


def load_checkpoint(path: Path) -> tuple[Classifier, dict[str, Any]]:
    """The network, in eval mode on the CPU, and its metadata.

    Raises :class:`UserError` when the file cannot be read or does not fit its own architecture.
    """
    mend = "delete it and run the same command again to make it anew"
    content = load_tensors(path, where=str(path), mend=mend)
    try:
        network = build(content["architecture"])
        network.load_state_dict(content.pop("state_dict"))
    except Exception as error:
        reason = str(error).partition("\n")[0]
        raise UserError(
            f"{path} is not a checkpoint of this workflow ({type(error).__name__}: {reason}); {mend}"
        ) from error
    return network.eval(), content
