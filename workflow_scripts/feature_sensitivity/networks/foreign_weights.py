"""Weights of a network that was trained elsewhere, put into a network of that architecture."""

import math
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from feature_sensitivity.config.architectures import BUILT_IN, built_in
from feature_sensitivity.networks.build import build, built_in_arguments
from feature_sensitivity.networks.normalization import is_normalization
from feature_sensitivity.runtime.errors import UserError

RENAMED = {"shortcut": "downsample", "linear": "fc"}
"""Parts that common CIFAR codes name differently from torchvision."""

UNUSED = ("sub_block1.",)
"""Parts that some common codes store but never compute."""

SHOWN = 4
"""Of what does not fit, so many names of each kind are told."""


@dataclass(frozen=True)
class Match:
    """Weights under a network's own names, tensors that belong to no part of it, and what does not fit."""

    weights: dict[str, Tensor]
    left_out: dict[str, Tensor]
    missing: list[str]
    unexpected: list[str]
    other_shape: list[str]

    @property
    def fits(self) -> bool:
        """Whether the weights are those of the network."""
        return not (self.missing or self.unexpected or self.other_shape)

    def describe(self) -> str:
        """Return what does not fit, the first few of each kind."""
        kinds = {
            "missing": self.missing,
            "not in the network": self.unexpected,
            "of another shape": self.other_shape,
        }
        return "; ".join(
            f"{len(names)} {kind}: {', '.join(names[:SHOWN])}{', ...' if len(names) > SHOWN else ''}"
            for kind, names in kinds.items()
            if names
        )


def network_with(
    tensors: Mapping[str, Tensor], architecture: Mapping[str, Any], path: Path
) -> tuple[nn.Module, dict[str, Any], dict[str, Tensor]]:
    """Return the network of an architecture with these weights, its description for ``build``, and what is left over.

    What stands before a name in the file or in the network is left out, as DataParallel's ``module.``; where a file
    holds the same network several times, as those of MadryLab's ``robustness`` do, the one with the shortest names is
    taken. Sizes that the architecture does not give are read off the weights.

    Raises :class:`UserError`, naming ``path``, when the weights are of another architecture, or not all finite.
    """
    description, network = _network_for(tensors, architecture, path)
    match = matched(tensors, network)
    if not match.fits:
        raise UserError(
            f"{path} does not fit the architecture {description['name']}: {match.describe()}{_advice(tensors, path)}"
        )
    state = network.state_dict()
    others = [
        f"{name} ({str(tensor.dtype).removeprefix('torch.')})"
        for name, tensor in match.weights.items()
        if state[name].is_floating_point() and not tensor.is_floating_point()
    ]
    if others:
        raise UserError(f"{path} holds no floating-point numbers in {', '.join(others[:SHOWN])}; write other weights")
    try:
        network.load_state_dict(match.weights)
    except RuntimeError as error:
        reason = " ".join(str(error).split())[:300]
        raise UserError(f"{path} does not fit the architecture {description['name']} ({reason})") from error
    require_finite(network, path)
    return network.eval(), description, match.left_out


def require_finite(network: nn.Module, path: str | Path, *, advice: str = "write other weights") -> None:
    """Raise :class:`UserError`, naming ``path``, when a weight is not a finite number.

    In a buffer, minus infinity is one: masks of attention hold it.
    """
    weights = {name for name, _ in network.named_parameters()}
    for name, tensor in network.state_dict().items():
        if not isinstance(tensor, Tensor):
            continue  # what a module keeps as its extra state
        known = tensor.isfinite() if name in weights else tensor.isfinite() | (tensor == -math.inf)
        if not known.all():
            raise UserError(f"{path} holds numbers that are not finite, in {name}; {advice}")


def _network_for(
    tensors: Mapping[str, Tensor], architecture: Mapping[str, Any], path: Path
) -> tuple[dict[str, Any], nn.Module]:
    """Return the description and the network; sizes that the architecture leaves open are read off the weights."""
    name = str(architecture["name"])
    if built_in(name):
        try:
            description = {"name": name, **built_in_arguments(name, _named_as_built_in(tensors)), **architecture}
        except (KeyError, ValueError, TypeError, IndexError) as error:
            lacking = f"it lacks {error}" if isinstance(error, KeyError) else "its layers have other shapes"
            raise UserError(
                f"{path} does not fit the architecture {name}: {lacking}{_advice(tensors, path, beside=name)}"
            ) from error
        return description, build(description)
    description, network = dict(architecture), build(architecture)
    if name.startswith(("torchvision:", "timm:")) and "num_classes" not in description:
        n_classes = _n_classes(tensors, network)
        if n_classes:
            description["num_classes"] = n_classes
            network = build(description)
    return description, network


def matched(tensors: Mapping[str, Tensor], network: nn.Module) -> Match:
    """Return the tensors that a network asks for, whatever stands before their names there or here.

    They have the network's own names, or else those that common codes give to the same parts.
    """
    exact = _matched(tensors, network, renamed=str)
    return exact if exact.fits else _matched(tensors, network, renamed=_renamed)


def _matched(tensors: Mapping[str, Tensor], network: nn.Module, *, renamed: Callable[[str], str]) -> Match:
    state = network.state_dict()
    trained = {name for name, parameter in network.named_parameters() if parameter.requires_grad}
    mine = {renamed(name): name for name in state}
    theirs = {renamed(name): name for name in tensors}
    unused = [part for part in UNUSED if not any(part in name for name in mine)]
    theirs = {name: stored for name, stored in theirs.items() if not any(part in name for part in unused)}
    (n_in_file, in_file), (n_in_network, in_network) = _prefix(theirs, mine), _prefix(mine, theirs)
    if n_in_file >= n_in_network:
        in_network = ""
    else:
        in_file = ""
    found = {
        name: theirs[in_file + own.removeprefix(in_network)]
        for own, name in mine.items()
        if own.startswith(in_network) and in_file + own.removeprefix(in_network) in theirs
    }
    weights = {name: tensors[stored] for name, stored in found.items()}
    absent = [name for name in state if name not in weights]
    # What a network counts or standardizes with it has already.
    kept = [
        name
        for name in absent
        if name.endswith("num_batches_tracked") or (is_normalization(name) and name not in trained)
    ]
    used = set(found.values())
    left = [stored for stored in theirs.values() if stored not in used]
    short_names = tuple(own.removeprefix(in_network) for own in mine)
    foreign = [
        stored
        for stored in left
        if renamed(stored).startswith(in_file)
        and not is_normalization(stored)
        and not renamed(stored).endswith(short_names)
    ]
    return Match(
        weights={**weights, **{name: state[name] for name in kept}},
        left_out={stored: tensors[stored] for stored in left},
        missing=[name for name in absent if name not in kept],
        unexpected=foreign,
        other_shape=[
            f"{name} {list(weights[name].shape)}, {list(state[name].shape)} in the network"
            for name in weights
            if weights[name].shape != state[name].shape
        ],
    )


def _renamed(name: str) -> str:
    return ".".join(RENAMED.get(part, part) for part in name.split("."))


def _prefix(names: Iterable[str], wanted: Mapping[str, Any]) -> tuple[int, str]:
    """Return how many wanted names are there behind one and the same prefix, and that, the shortest of several."""
    counts = Counter(prefix for name in names for prefix, rest in _splits(name) if rest in wanted)
    most = max(counts.values(), default=0)
    return most, min((prefix for prefix, count in counts.items() if count == most), key=len, default="")


def _splits(name: str) -> Iterator[tuple[str, str]]:
    """Yield a name cut before each of its parts."""
    start = 0
    while True:
        yield name[:start], name[start:]
        dot = name.find(".", start)
        if dot < 0:
            return
        start = dot + 1


def _named_as_built_in(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors of a network whose last layer is called fc or linear, without what stands before names."""
    renamed = {_renamed(name): tensor for name, tensor in tensors.items()}
    last = "fc.weight"
    prefix = min((name.removesuffix(last) for name in renamed if name.endswith(last)), key=len, default="")
    return {name.removeprefix(prefix): tensor for name, tensor in renamed.items() if name.startswith(prefix)}


def _n_classes(tensors: Mapping[str, Tensor], network: nn.Module) -> int | None:
    """Return the rows that the file has for the last linear layer of a network."""
    linear = [name for name, module in network.named_modules() if isinstance(module, nn.Linear)]
    if not linear:
        return None
    rows = [tensor for name, tensor in tensors.items() if f".{name}".endswith(f".{linear[-1]}.weight")]
    return len(rows[0]) if rows and rows[0].ndim else None


def _advice(tensors: Mapping[str, Tensor], path: Path, *, beside: str = "") -> str:
    """Return which built-in architecture the weights would fit, or where to read more."""
    fitting = [name for name in candidates(tensors) if name != beside and _fits(tensors, name)]
    if fitting:
        return f"; it fits architecture: {fitting[0]}"
    return "; docs/your-own-network.md says how to name another architecture"


def candidates(tensors: Mapping[str, Tensor]) -> Iterator[str]:
    """Yield the names of built-in networks, and of the wide one that these weights would fit."""
    yield from (entry.name for entry in BUILT_IN if entry.takes_width)
    named = _named_as_built_in(tensors)
    n_blocks = sum(name.startswith("block1.layer.") and name.endswith(".conv1.weight") for name in named)
    first = named.get("block1.layer.0.conv1.weight")
    if n_blocks and first is not None and first.ndim:
        yield f"wideresnet-{6 * n_blocks + 4}-{len(first) // 16}"


def _fits(tensors: Mapping[str, Tensor], name: str) -> bool:
    try:
        arguments = built_in_arguments(name, _named_as_built_in(tensors))
        return matched(tensors, build({"name": name, **arguments})).fits
    except (KeyError, ValueError, TypeError, IndexError, RuntimeError, UserError):
        return False
