"""The files that hold trained networks."""

import math
import operator
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from feature_sensitivity.config.architectures import built_in
from feature_sensitivity.config.user_code import CONFIGURED, is_users_code, sha256_of_code
from feature_sensitivity.data.standardization import Standardization
from feature_sensitivity.networks.build import build, built_in_arguments
from feature_sensitivity.networks.classifier import Classifier
from feature_sensitivity.networks.foreign_weights import candidates, require_finite
from feature_sensitivity.networks.measured import measured
from feature_sensitivity.networks.normalized import NormalizedClassifier
from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.runtime.tensor_files import is_plain, load_tensors, save_tensors

ADVICE = "delete it and run the same command again"

LARGEST_SIZE = 65_536
LARGEST_IMAGE = 2**26
"""Numbers in an image of a network, and of one of its sizes."""

READ_OR_FETCHED = {
    *("weights", "weights_backbone", "pretrained", "pretrained_cfg", "pretrained_cfg_overlay", "pretrained_strict"),
    *("checkpoint_path", "cache_dir", "model_dir", "local_files_only"),
}
"""Arguments by which torchvision, timm and RobustBench read files or download some."""


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

    Raises :class:`UserError` when a module of the network has an extra state that such a file cannot hold.
    """
    state = network.state_dict()  # with the versions of the modules, by which they read it later
    for name, value in state.items():
        if isinstance(value, Tensor):
            state[name] = value.detach().cpu().contiguous()
        elif not is_plain(value):
            raise UserError(
                f"the network keeps an object of class {type(value).__name__} in {name}; let get_extra_state return "
                "tensors and values of Python's own types"
            )
    save_tensors(path, {"state_dict": state, **standardization.as_lists(), **metadata})


def load_checkpoint(
    path: str | Path,
    *,
    architecture: str | Mapping[str, Any] | None = None,
    layer: str | None = None,
    positions: str | None = None,
    channels: str | None = None,
) -> Checkpoint:
    """Return the network that a file holds, such as ``results/models/normal.pt``.

    ``architecture``: as in the config, ``path/file.py:function`` or that with its arguments, where the network is made
    by your own code: a file alone never makes code run. None: one of the built-in networks, torchvision's or timm's.
    ``layer``, ``positions``, ``channels``: where its features are, as in :func:`.feature_layer.find_feature_layer`.

    Raises :class:`UserError` when the file cannot be read, does not fit its own architecture, or holds numbers that
    are not finite, when there is no such layer, or when the user's code that makes the network is another, or changed.
    """
    content = load_tensors(Path(path), where=str(path), advice=ADVICE)
    try:
        state, stored = content.pop("state_dict"), dict(content["architecture"])
        constants = content.get("normalization")
        standardization = Standardization.from_mapping(content)
        normalization = None if constants is None else Standardization.from_mapping(constants)
        shape = _input_shape(content.get("input_shape"))
        used = _trusted(stored, architecture or CONFIGURED.get(str(path)), path)
        code = sha256_of_code(used["name"])
        if content.get("code_sha256") != code:
            raise UserError(f"the code of {used['name']} has changed since {path} was made from it; {ADVICE}")
        _check_sizes(used, state)
        network = _built(used, path)
        network.load_state_dict(state)
    except UserError:
        raise
    except Exception as error:
        reason = str(error).partition("\n")[0][:200]
        raise UserError(
            f"{path} is not a checkpoint of this workflow ({type(error).__name__}: {reason}); {ADVICE}"
        ) from error
    require_finite(network, path, advice=ADVICE)
    if fault := standardization.fault() or (normalization and normalization.fault()):
        raise UserError(f"{path}: {fault}; {ADVICE}")
    classifier = classifier_of(
        network,
        shape,
        normalization.as_lists() if normalization else None,
        layer=layer,
        positions=positions,
        channels=channels,
    )
    classifier.origin = code or ""
    return Checkpoint(classifier, standardization, content)


def _built(architecture: Mapping[str, Any], path: str | Path) -> nn.Module:
    try:
        return build(architecture)
    except UserError as error:
        raise UserError(f"the network of {path} cannot be built: {error}") from error


def _trusted(stored: dict[str, Any], given: str | Mapping[str, Any] | None, path: str | Path) -> dict[str, Any]:
    """Return the architecture to build: code, and files to read, are named by the caller alone."""
    name = stored["name"]
    asked = {"name": given} if isinstance(given, str) else dict(given or {})
    if asked and asked.get("name") != name:
        raise UserError(f"{path} holds a network of {name}, not of {asked.get('name')!r}; correct the architecture")
    if not isinstance(name, str) or not all(isinstance(key, str) for key in stored):
        raise TypeError("its architecture has no name")
    if is_users_code(name) and not asked:
        raise UserError(
            f"{path} names code, {name}, which is not run because a file says so; if it is your own, give "
            f"architecture={name!r}, with its arguments if it takes some"
        )
    if is_users_code(name):
        return asked
    foreign = sorted(key for key in stored.keys() & READ_OR_FETCHED if stored[key] and stored[key] != asked.get(key))
    if foreign:
        raise UserError(
            f"{path} asks {name} to read something else, by {', '.join(foreign)}, which is not done because a file "
            "says so; if it is your own, give architecture with these arguments"
        )
    return stored


def _check_sizes(architecture: Mapping[str, Any], state: Mapping[str, Tensor]) -> None:
    """Raise an error when an architecture is not that of the weights, before memory is taken for it.

    No number in a network's description is above 65,536: classes, channels and pixels of a side are fewer.
    """
    name = architecture["name"]
    entry = built_in(name)
    read = built_in_arguments(name, state) if entry else {}
    if any(architecture.get(key, value) != value for key, value in read.items()) or (
        entry and not entry.takes_width and name not in candidates(state)
    ):
        raise ValueError("its weights are not of the architecture that it names")
    numbers = [value for value in architecture.values() if isinstance(value, int | float)]
    if not all(abs(value) <= LARGEST_SIZE for value in numbers):
        raise ValueError("its architecture is larger than any network")


def _input_shape(stored: Any) -> list[int] | None:
    """Return the shape of an image, as a file has it."""
    if stored is None:
        return None
    shape = [operator.index(size) for size in stored]
    if len(shape) != 3 or not all(0 < size <= LARGEST_SIZE for size in shape) or math.prod(shape) > LARGEST_IMAGE:
        raise ValueError("its input_shape is not [channels, height, width]")
    return shape


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
