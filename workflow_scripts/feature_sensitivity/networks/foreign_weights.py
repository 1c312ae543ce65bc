"""Weights of a network that was trained elsewhere, whatever its parameters are called there."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from feature_sensitivity.networks.architectures import ARCHITECTURES, build
from feature_sensitivity.networks.classifier import Classifier
from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.runtime.tensor_files import load_tensors

ENTRIES = ("state_dict", "model_state_dict", "model", "net")
"""Under which of these training codes store a network's weights beside other things."""

ADVICE = "where the network was trained, write its weights alone: torch.save(network.state_dict(), path)"

RENAMED = {"shortcut": "downsample", "linear": "fc"}
"""Parts that common CIFAR codes name differently from torchvision."""


def read_weights(path: Path) -> tuple[dict[str, Tensor], list[str]]:
    """Return the weights in a file from ``torch.save``, alone or beside other things, under torchvision's names.

    What stands before a name is left out, as DataParallel's ``module.``; where a file holds the same network
    several times, as those of MadryLab's ``robustness`` do, the one with the shortest names is taken. Names of
    tensors that belong to none of them come second: parts of the network that would be lost.
    Raises :class:`UserError` when the file cannot be read or holds no weights of a classifier.
    """
    content = load_tensors(path, where=str(path), advice=ADVICE)
    while isinstance(content, Mapping) and (entry := next((e for e in ENTRIES if e in content), None)):
        content = content[entry]
    if not isinstance(content, Mapping):
        raise UserError(f"{path} holds a {type(content).__name__} in place of weights by name; {ADVICE}")
    tensors = {_renamed(str(name)): tensor for name, tensor in content.items() if isinstance(tensor, Tensor)}
    last = "fc.weight"
    prefix = min((name.removesuffix(last) for name in tensors if name.endswith(last)), key=len, default=None)
    if prefix is None:
        raise UserError(
            f"{path} holds no weights of a last linear layer called fc or linear; "
            "docs/own_networks.md says which networks can be read"
        )
    weights = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
    return weights, [name for name in tensors if not name.endswith(tuple(weights))]


def _renamed(name: str) -> str:
    return ".".join(RENAMED.get(part, part) for part in name.split("."))


def network_with(weights: Mapping[str, Tensor], name: str, path: Path) -> tuple[Classifier, dict[str, Any]]:
    """Return the network ``name`` with these weights, in eval mode, and its description for ``build``.

    Its sizes are read off the weights. Raises :class:`UserError`, naming ``path``, when the weights are of another
    architecture, or not all finite.
    """
    try:
        architecture = {"name": name, **ARCHITECTURES[name].arguments_from(weights)}
        network = build(architecture)
        network.load_state_dict(dict(weights))
    except (KeyError, ValueError, TypeError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:300]
        raise UserError(
            f"{path} does not fit the architecture {name} ({reason}); docs/own_networks.md says what it must hold"
        ) from error
    broken = [name for name, tensor in network.state_dict().items() if not tensor.isfinite().all()]
    if broken:
        raise UserError(f"{path} holds numbers that are not finite, in {broken[0]}; write other weights")
    return network.eval(), architecture
