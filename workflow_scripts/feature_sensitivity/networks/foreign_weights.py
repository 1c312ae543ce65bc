"""Weights of a network that was trained elsewhere, put into a network of that architecture."""

import logging
import math
from collections import Counter, OrderedDict, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from feature_sensitivity.config.architectures import BUILT_IN, built_in
from feature_sensitivity.networks.build import build, built_in_arguments
from feature_sensitivity.networks.normalization import is_normalization
from feature_sensitivity.runtime.errors import UserError

WRAPPERS = ("module", "_orig_mod", "model", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")
"""Parts of names that DataParallel, ``torch.compile`` and training codes put before or between the others."""

OTHER_NAMES = {"shortcut": "downsample", "downsample": "shortcut", "linear": "fc", "fc": "linear"}
"""Parts that common CIFAR codes name differently from torchvision."""

UNUSED = "sub_block1"
"""A part that some common codes store but never compute."""

SHOWN = 4
"""Of what does not fit, so many names of each kind are shown."""

logger = logging.getLogger(__name__)


@dataclass
class Match:
    """What a network took of the tensors in a file, and what does not fit.

    ``left_out``: tensors that belong to no part of it. ``copies``: what stands before the names of those that hold the
    network once more. ``other_dtype``: weights that are no floating-point numbers. ``refusal``: of the network's own.
    """

    left_out: dict[str, Tensor] = field(default_factory=dict)
    copies: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    unexpected: list[str] = field(default_factory=list)
    other_shape: list[str] = field(default_factory=list)
    other_dtype: list[str] = field(default_factory=list)
    refusal: str = ""

    @property
    def fits(self) -> bool:
        """Whether the weights are those of the network."""
        return not (self.missing or self.unexpected or self.other_shape or self.other_dtype or self.refusal)

    def describe(self) -> str:
        """Return what does not fit, the first few of each kind."""
        kinds = {
            "missing": self.missing,
            "not in the network": self.unexpected,
            "of another shape": self.other_shape,
        }
        found = [f"{len(names)} {kind}: {_first(names)}" for kind, names in kinds.items() if names]
        return "; ".join(found) or self.refusal


def network_with(
    tensors: Mapping[str, Any], architecture: Mapping[str, Any], path: Path
) -> tuple[nn.Module, dict[str, Any], dict[str, Tensor]]:
    """Return the network of an architecture with these weights, its description for ``build``, and what is left over.

    What stands before a name in the file or in the network is left out, as DataParallel's ``module.``; where a file
    holds the same network several times, as those of MadryLab's ``robustness`` do, the one with the shortest names is
    taken, and the log says so. Sizes that the architecture does not give are read off the weights.

    Raises :class:`UserError`, naming ``path``, when the weights are of another architecture, or not all finite.
    """
    description, network = _network_for(tensors, architecture, path)
    match = load_into(network, tensors)
    if match.other_dtype:
        raise UserError(f"{path} holds no floating-point numbers in {_first(match.other_dtype)}; write other weights")
    if not match.fits:
        raise UserError(
            f"{path} does not fit the architecture {description['name']}: {match.describe()}{_advice(tensors, path)}"
        )
    if match.copies:
        logger.warning(
            "%s holds the network several times: what has the shortest names is taken, not what is behind %s, "
            "which weights_key names",
            path,
            _first([prefix.rstrip(".") for prefix in match.copies]),
        )
    require_finite(network, path)
    return network.eval(), description, match.left_out


def require_finite(network: nn.Module, path: str | Path, *, advice: str = "write other weights") -> None:
    """Raise :class:`UserError`, naming ``path``, when a weight is not a finite number, or not there yet.

    In a buffer, minus infinity is one: masks of attention hold it.
    """
    weights = {name for name, _ in network.named_parameters()}
    for name, tensor in network.state_dict().items():
        if not isinstance(tensor, Tensor):
            continue  # what a module keeps as its extra state
        if is_lazy(tensor):
            raise UserError(f"{path} has no weights yet in {name}, whose layer is lazy; pass an image through it once")
        known = tensor.isfinite() if name in weights else tensor.isfinite() | (tensor == -math.inf)
        if not known.all():
            raise UserError(f"{path} holds numbers that are not finite, in {name}; {advice}")


def load_into(network: nn.Module, tensors: Mapping[str, Any]) -> Match:
    """Load the tensors that a network asks for, whatever stands before their names there or here.

    They have the network's own names, those that common codes give to the same parts, or earlier ones, which its
    modules translate themselves. A network that they do not fit may hold some of them.
    """
    before = _prefixes(network, tensors)
    own = _own_names(network, tensors, *before)
    taken: dict[str, str] = {}
    for stored in sorted(own, key=lambda stored: (own[stored] != stored, len(stored))):
        taken.setdefault(own[stored], stored)
    state = OrderedDict((name, tensors[stored]) for name, stored in taken.items())
    # By the versions in it, modules know how old the weights are.
    metadata = getattr(tensors, "_metadata", {})
    modules = _own_names(network, [f"{module}.x".lstrip(".") for module in metadata], *before)
    versions = {name[:-1].rstrip("."): metadata[stored[:-1].rstrip(".")] for stored, name in modules.items()}
    state._metadata = versions  # type: ignore[attr-defined]
    match = _loaded(network, state)
    unexpected = [taken.get(name, name) for name in match.unexpected]
    left = [stored for stored in tensors if stored not in taken.values() or stored in unexpected]
    copies = _copies(left, network, taken.keys())
    left = [stored for stored in left if is_normalization(stored) or not stored.startswith(tuple(copies))]
    return replace(
        match,
        left_out={stored: tensors[stored] for stored in left if isinstance(tensors[stored], Tensor)},
        copies=copies,
        unexpected=[stored for stored in left if stored in own and not is_normalization(stored)],
    )


def _loaded(network: nn.Module, state: Mapping[str, Any]) -> Match:
    """Load weights through the hooks of the modules; what they rename or make up is neither missing nor unexpected."""
    match = Match()
    trained = {name for name, parameter in network.named_parameters() if parameter.requires_grad}

    def compare(module: nn.Module, given: dict[str, Any], prefix: str, *_: Any) -> None:
        for name, own in [*module._parameters.items(), *module._buffers.items()]:
            tensor = given.get(prefix + name)
            if own is None or is_lazy(own) or not isinstance(tensor, Tensor):
                continue
            if tensor.shape != own.shape:
                match.other_shape.append(f"{prefix}{name} {list(tensor.shape)}, {list(own.shape)} in the network")
            if own.is_floating_point() and not tensor.is_floating_point():
                match.other_dtype.append(f"{prefix}{name} ({str(tensor.dtype).removeprefix('torch.')})")
                del given[prefix + name]  # PyTorch would convert it

    def collect(_: nn.Module, keys: Any) -> None:
        # What a network counts or standardizes with it has already.
        match.missing += [
            name
            for name in keys.missing_keys
            if not name.endswith("num_batches_tracked") and not (is_normalization(name) and name not in trained)
        ]
        match.unexpected += keys.unexpected_keys

    hooks = [module.register_load_state_dict_pre_hook(compare) for module in network.modules()]
    hooks.append(network.register_load_state_dict_post_hook(collect))
    try:
        network.load_state_dict(state, strict=False)
    except Exception as error:  # whatever a module's own hook raises
        match.refusal = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
    else:
        match.other_shape.clear()
    finally:
        for hook in hooks:
            hook.remove()
    return match


def _own_names(network: nn.Module, names: Iterable[str], in_file: str, in_network: str) -> dict[str, str]:
    """Return the network's names for those in a file, without what stands before all of them there or here."""
    part = network.get_submodule(in_network)
    unused = f".{UNUSED}."
    has_unused = any(unused in f".{name}." for name, _ in network.named_modules())
    return {
        name: f"{in_network}.{_placed(name.removeprefix(in_file), part)[0]}".lstrip(".")
        for name in names
        if name.startswith(in_file) and (has_unused or unused not in f".{name}")
    }


def _prefixes(network: nn.Module, names: Iterable[str]) -> tuple[str, str]:
    """Return what stands before the names in a file, or else the name of the network's part that they belong to.

    That is what places most of them, of several what places all that are behind it, and the shortest.
    """
    names = list(names)
    behind = Counter(prefix for name in names for prefix, _ in _splits(name))
    in_file = Counter(prefix for name in names for prefix, rest in _splits(name) if _placed(rest, network)[1])
    in_file[""] += 0
    prefix, most = max(in_file.items(), key=lambda entry: (entry[1], -behind[entry[0]], -len(entry[0])))
    if 2 * most >= len(names):
        return prefix, ""
    firsts = {part for name in names for part in name.split(".")[:2]}
    in_network = Counter(
        {
            place: sum(_placed(name, part)[1] for name in names)
            for place, part in network.named_modules()
            if place and not firsts.isdisjoint(part._modules)
        }
    )
    place, count = max(in_network.items(), key=lambda entry: (entry[1], -len(entry[0])), default=("", 0))
    return ("", place) if count > most else (prefix, "")


def _placed(name: str, network: nn.Module) -> tuple[str, bool]:
    """Return a name as the network has it, and whether there is a layer for it.

    Wrappers' parts are left out or put in, parts of other codes renamed, and ``norm.1``, as modules could be named
    once, is ``norm1``. What is below the layer stays, since its own hooks may know it.
    """
    own, parts = list[str](), name.split(".")
    module: nn.Module | None = network
    while module is not None:
        children, first = module._modules, parts[0]
        if len(parts) > 1 and (part := first if first in children else OTHER_NAMES.get(first, "")) in children:
            parts = parts[1:]
        elif len(parts) > 2 and (part := first + parts[1]) in children:
            parts = parts[2:]
        elif len(parts) > 1 and first in WRAPPERS:
            parts = parts[1:]
            continue
        elif first in module._parameters or first in module._buffers:
            break
        elif wrapper := next((wrapper for wrapper in WRAPPERS if wrapper in children), None):
            part = wrapper
        else:
            break
        own.append(part)
        module = children[part]
    here = module is not None and (parts[0] in module._parameters or parts[0] in module._buffers)
    return ".".join([*own, *parts]), len(parts) == 1 and (here or bool(own))


def _copies(left: Iterable[str], network: nn.Module, taken: Collection[str]) -> list[str]:
    """Return what stands before names that are left over and hold all of the network's weights once more."""
    weights = {name for name, _ in network.named_parameters()} & set(taken)
    found: dict[str, set[str]] = defaultdict(set)
    for stored in left:
        for prefix, rest in _splits(stored):
            found[prefix].add(_placed(rest, network)[0])
    copies: list[str] = []
    for prefix in sorted(found, key=len):
        if prefix and weights and weights <= found[prefix] and not prefix.startswith(tuple(copies)):
            copies.append(prefix)
    return copies


def _splits(name: str) -> Iterator[tuple[str, str]]:
    """Yield a name cut before each of its parts."""
    start = 0
    while True:
        yield name[:start], name[start:]
        dot = name.find(".", start)
        if dot < 0:
            return
        start = dot + 1


def _network_for(
    tensors: Mapping[str, Any], architecture: Mapping[str, Any], path: Path
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


def _n_classes(tensors: Mapping[str, Any], network: nn.Module) -> int | None:
    """Return how many outputs the heads in a file have, where the network has others and all else is of its shape."""
    state = network.state_dict()
    names = _own_names(network, tensors, *_prefixes(network, tensors))
    pairs = [(tensors[stored], state[own]) for stored, own in names.items() if own in state]
    shapes = [(theirs.shape, mine.shape) for theirs, mine in pairs if isinstance(theirs, Tensor) and not is_lazy(mine)]
    lengths = {theirs[0] for theirs, mine in shapes if theirs and theirs[:1] != mine[:1] and theirs[1:] == mine[1:]}
    return lengths.pop() if len(lengths) == 1 else None


def _named_as_built_in(tensors: Mapping[str, Any]) -> dict[str, Tensor]:
    """Return the tensors of a network whose last layer is called fc or linear, without what stands before names."""
    renamed = {
        ".".join({"shortcut": "downsample", "linear": "fc"}.get(part, part) for part in parts): tensors[name]
        for name in tensors
        if (parts := [part for part in name.split(".") if part not in WRAPPERS])
    }
    last = "fc.weight"
    prefix = min((name.removesuffix(last) for name in renamed if name.endswith(last)), key=len, default="")
    return {name.removeprefix(prefix): tensor for name, tensor in renamed.items() if name.startswith(prefix)}


def _advice(tensors: Mapping[str, Any], path: Path, *, beside: str = "") -> str:
    """Return which built-in architecture the weights would fit, or where to read more."""
    fitting = [name for name in candidates(tensors) if name != beside and _fits(tensors, name)]
    if fitting:
        return f"; it fits architecture: {fitting[0]}"
    return "; docs/your-own-network.md says how to name another architecture"


def candidates(tensors: Mapping[str, Any]) -> Iterator[str]:
    """Yield the names of built-in networks, and of the wide one that these weights would fit."""
    yield from (entry.name for entry in BUILT_IN if entry.takes_width)
    named = _named_as_built_in(tensors)
    n_blocks = sum(name.startswith("block1.layer.") and name.endswith(".conv1.weight") for name in named)
    first = named.get("block1.layer.0.conv1.weight")
    if n_blocks and first is not None and first.ndim:
        yield f"wideresnet-{6 * n_blocks + 4}-{len(first) // 16}"


def _fits(tensors: Mapping[str, Any], name: str) -> bool:
    try:
        arguments = built_in_arguments(name, _named_as_built_in(tensors))
        return load_into(build({"name": name, **arguments}), tensors).fits
    except (KeyError, ValueError, TypeError, IndexError, RuntimeError, UserError):
        return False


def _first(names: list[str]) -> str:
    return f"{', '.join(names[:SHOWN])}{', ...' if len(names) > SHOWN else ''}"
