"""The files that hold trained networks."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import nn

from feature_sensitivity.config.user_code import sha256_of_code
from feature_sensitivity.data.standardization import Standardization
from feature_sensitivity.networks.build import build
from feature_sensitivity.networks.classifier import Classifier, first_not_finite
from feature_sensitivity.networks.measured import measured
from feature_sensitivity.networks.normalized import NormalizedClassifier
from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.runtime.tensor_files import load_tensors, save_tensors

ADVICE = "delete it and run the same command again"


class Checkpoint(NamedTuple):
    """A trained network in eval mode on the CPU, what standardizes its images, and all that the file says of it."""

    network: Classifier
    standardization: Standardization
    metadata: Mapping[str, Any]


def save_checkpoint(
    path: Path, network: nn.Module, standardization: Standardization, metadata: Mapping[str, Any]
) -> None:
    """Write ``state_dict``, ``mean``, ``std`` and plain-builtin ``metadata``.

    That must hold ``architecture``, and for a network that is not built in ``input_shape``, [channels, height, width].
    With ``normalization``, ``mean`` and ``std`` of a layer in front of the network, which takes pixels then.
    """
    state = {name: value.detach().cpu().contiguous() for name, value in network.state_dict().items()}
    save_tensors(path, {"state_dict": state, **standardization.as_lists(), **metadata})


def load_checkpoint(
    path: str | Path, *, layer: str | None = None, positions: str | None = None, channels: str | None = None
) -> Checkpoint:
    """Return the network that a file holds, such as ``results/models/normal.pt``.

    ``layer``, ``positions``, ``channels``: where its features are, as in :func:`.feature_layer.find_feature_layer`.

    Raises :class:`UserError` when the file cannot be read, does not fit its own architecture, or holds numbers that
    are not finite, when there is no such layer, or when the user's code that makes the network has changed.
    """
    content = load_tensors(Path(path), where=str(path), advice=ADVICE)
    try:
        architecture = content["architecture"]
        if content.get("code_sha256") != sha256_of_code(architecture["name"]):
            raise UserError(f"the code of {architecture['name']} has changed since {path} was made from it; {ADVICE}")
        network = build(architecture)
        network.load_state_dict(content.pop("state_dict"))
        standardization = Standardization.from_mapping(content)
    except UserError:
        raise
    except Exception as error:
        reason = str(error).partition("\n")[0]
        raise UserError(
            f"{path} is not a checkpoint of this workflow ({type(error).__name__}: {reason}); {ADVICE}"
        ) from error
    broken = first_not_finite(network)
    if broken:
        raise UserError(f"{path} holds numbers that are not finite, in {broken}; {ADVICE}")
    if fault := standardization.fault():
        raise UserError(f"{path}: {fault}; {ADVICE}")
    classifier = classifier_of(
        network,
        content.get("input_shape"),
        content.get("normalization"),
        layer=layer,
        positions=positions,
        channels=channels,
    )
    classifier.origin = content.get("code_sha256") or ""
    return Checkpoint(classifier, standardization, content)


def classifier_of(
    network: nn.Module,
    input_shape: list[int] | None,
    normalization: Mapping[str, list[float]] | None,
    *,
    layer: str | None = None,
    positions: str | None = None,
    channels: str | None = None,
) -> Classifier:
    """Return a network as a classifier; ``normalization`` are the constants of a layer in front of it."""
    # Numbers that any network takes, whatever it standardizes: they only show what its layers do.
    example = torch.rand(4, *(input_shape or (3, 32, 32)), generator=torch.Generator().manual_seed(0))
    classifier = measured(network, example, layer=layer, positions=positions, channels=channels)
    if normalization is None:
        return classifier
    return NormalizedClassifier(classifier, normalization["mean"], normalization["std"]).eval()
