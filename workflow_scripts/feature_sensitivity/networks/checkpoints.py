"""The files that hold trained networks."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from torch import nn

from feature_sensitivity.data.standardization import Standardization
from feature_sensitivity.networks.architectures import build
from feature_sensitivity.networks.classifier import Classifier
from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.runtime.tensor_files import load_tensors, save_tensors


class Checkpoint(NamedTuple):
    """A trained network in eval mode on the CPU, what standardizes its images, and all that the file says of it."""

    network: Classifier
    standardization: Standardization
    metadata: Mapping[str, Any]


def save_checkpoint(
    path: Path, network: nn.Module, standardization: Standardization, metadata: Mapping[str, Any]
) -> None:
    """Write ``state_dict``, ``mean``, ``std`` and plain-builtin ``metadata``, which must hold ``architecture``."""
    state = {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}
    save_tensors(path, {"state_dict": state, **standardization.as_lists(), **metadata})


def load_checkpoint(path: Path) -> Checkpoint:
    """Return the network that a file holds.

    Raises :class:`UserError` when the file cannot be read, does not fit its own architecture, or holds numbers that
    are not finite.
    """
    advice = "delete it and run the same command again"
    content = load_tensors(path, where=str(path), advice=advice)
    try:
        network = build(content["architecture"])
        network.load_state_dict(content.pop("state_dict"))
        standardization = Standardization.from_mapping(content)
    except Exception as error:
        reason = str(error).partition("\n")[0]
        raise UserError(
            f"{path} is not a checkpoint of this workflow ({type(error).__name__}: {reason}); {advice}"
        ) from error
    broken = [name for name, tensor in network.state_dict().items() if not tensor.isfinite().all()]
    if broken:
        raise UserError(f"{path} holds numbers that are not finite, in {broken[0]}; {advice}")
    if fault := standardization.fault():
        raise UserError(f"{path}: {fault}; {advice}")
    return Checkpoint(network.eval(), standardization, content)
