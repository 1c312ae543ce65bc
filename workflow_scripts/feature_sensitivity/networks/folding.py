"""The copy of a network that is attacked: BatchNorm folded into the convolutions."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple, TypeVar
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from feature_sensitivity.networks.calls import recorded
from feature_sensitivity.networks.classifier import Classifier
from feature_sensitivity.networks.copies import copied
from feature_sensitivity.networks.forward import laid_out
from feature_sensitivity.networks.graph import CONVOLUTIONS, NORMS, foldable_pairs
from feature_sensitivity.networks.measured import MeasuredNetwork

N = TypeVar("N", bound=nn.Module)

TOLERANCE = 1e-4


class Pair(NamedTuple):
    """A convolution and the BatchNorm behind it, by name."""

    convolution: str
    norm: str


def unfolded_copy(network: N) -> N:
    """Return a copy for attacks: eval mode, no weight gradients."""
    return _for_attacks(copied(network), network)


def folded_copy(network: N, pairs: Sequence[Pair] | None = None) -> N:
    """Return a copy for attacks: eval mode, BatchNorm folded into the convolutions, no weight gradients.

    Equal to ``network.eval()`` up to float32 rounding, and about twice as fast. What a subclass of BatchNorm does
    besides, such as an activation, stays. ``pairs``: those to fold; None: all that the graph of the network shows.
    """
    folded = copied(network).eval()
    for pair in pairs_of(network) if pairs is None else pairs:
        conv, norm = folded.get_submodule(pair.convolution), folded.get_submodule(pair.norm)
        fused, rest = _folded(conv, norm)
        folded.set_submodule(pair.convolution, fused)
        folded.set_submodule(pair.norm, rest)
    return _for_attacks(folded, network)


# Adversarial training folds a network before each batch.
_pairs: WeakKeyDictionary[nn.Module, list[Pair]] = WeakKeyDictionary()


def pairs_of(network: nn.Module) -> list[Pair]:
    """Return the pairs that the graph of a network shows, and that can be folded by what they are."""
    if network not in _pairs:
        pairs = [Pair(*names) for names in foldable_pairs(network)]
        _pairs[network] = [pair for pair in pairs if _can_be_folded(network, pair)]
    return _pairs[network]


def pairs_seen(network: Classifier, x: Tensor) -> list[Pair]:
    """Return the pairs that follow each other in a pass on images, for a network without a graph.

    Whether anything else takes what the convolution gives does not show: the folded network has to be compared.
    """
    names = {module: name for name, module in network.named_modules() if isinstance(module, CONVOLUTIONS + NORMS)}
    with torch.no_grad(), recorded(network, list(names.values())) as calls:
        network.features(x)
    counts = [call.module for call in calls]
    pairs = []
    for before, after in pairwise(calls):
        pair = Pair(before.module, after.module)
        follows = after.input is before.output and counts.count(before.module) == counts.count(after.module) == 1
        kinds = network.get_submodule(pair.convolution), network.get_submodule(pair.norm)
        if follows and isinstance(kinds[0], CONVOLUTIONS) and isinstance(kinds[1], NORMS):
            pairs.append(pair)
    return [pair for pair in pairs if _can_be_folded(network, pair)]


def _for_attacks(copy: N, network: N) -> N:
    memory_format = getattr(network, "memory_format", torch.channels_last)
    laid_out(copy.eval().requires_grad_(False), memory_format)
    return copy


def _can_be_folded(network: nn.Module, pair: Pair) -> bool:
    conv, norm = network.get_submodule(pair.convolution), network.get_submodule(pair.norm)
    if not isinstance(conv._parameters.get("weight"), nn.Parameter) or norm.running_mean is None:
        return False  # weight norm or the like, or statistics of the batch
    # Where features are read, the values have to stay as they are.
    for measured in (module for module in network.modules() if isinstance(module, MeasuredNetwork)):
        read = {measured.network.get_submodule(place.module) for place in measured.layer.places}
        if conv in read or norm in read:
            return False
    exact = type(conv) in CONVOLUTIONS and type(norm) in NORMS
    return exact or _subclasses_allow_it(conv, norm)


@torch.no_grad()
def _subclasses_allow_it(conv: Any, norm: Any) -> bool:
    """Return whether a pair gives the same after it is folded, on values far beyond those of images."""
    conv, norm = copied(conv).eval(), copied(norm).eval()
    fused, rest = _folded(conv, norm)
    extent = [max(8, 2 * (k - 1) * d + 1) for k, d in zip(conv.kernel_size, conv.dilation, strict=True)]
    generator = torch.Generator().manual_seed(0)
    values = torch.randn(4, conv.in_channels, *extent, generator=generator).to(conv.weight)
    values *= torch.tensor([1.0, 10.0, 100.0, 1000.0]).to(conv.weight).view(4, *[1] * (values.ndim - 1))
    try:
        expected, got = norm(conv(values)), rest(fused(values))
    except Exception:  # whatever the code of a subclass raises
        return False
    if expected.shape != got.shape:
        return False
    difference = (expected - got).flatten(1).abs().amax(dim=1)
    return bool((difference <= TOLERANCE * expected.flatten(1).abs().amax(dim=1)).all())


def _folded(conv: Any, norm: Any) -> tuple[nn.Module, nn.Module]:
    """Return a convolution with BatchNorm in its weights, and what a subclass of BatchNorm does behind that."""
    children = list(norm.children())
    return fuse_conv_bn_eval(conv, norm), nn.Sequential(*children) if children else nn.Identity()
