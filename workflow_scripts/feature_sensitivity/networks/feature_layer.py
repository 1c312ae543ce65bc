"""Which numbers inside a network are its features: a module's output, or the inputs of what makes the logits."""

import difflib
import logging
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from feature_sensitivity.config.measurement import OUTPUTS
from feature_sensitivity.networks.calls import Call, Place, recorded
from feature_sensitivity.networks.head import Head, Source, find_head
from feature_sensitivity.networks.layouts import channel_axis
from feature_sensitivity.networks.trace import Trace
from feature_sensitivity.runtime.errors import UserError

logger = logging.getLogger(__name__)

TOLERANCE = 1e-3


@dataclass(frozen=True)
class FeatureLayer:
    """Where features are read, and the linear layer whose inputs they are, if there is one.

    ``sources``: the places, whose vectors stand side by side, or of which the mean is taken (``averaged``).
    ``linear``: the layer that has their weights. ``has_weights``: a layer, or several together, make the logits of
    them.
    """

    sources: tuple[Source, ...]
    averaged: bool
    linear: str | None
    has_weights: bool
    n_features: int

    @property
    def places(self) -> list[Place]:
        """Where values are read."""
        return [source.place for source in self.sources]

    @property
    def module(self) -> str:
        """The names of the modules."""
        return " and ".join(dict.fromkeys(place.module for place in self.places))

    @property
    def side(self) -> str:
        """Whether features are the ``input`` or the ``output`` of the modules."""
        return self.sources[0].place.side

    @property
    def positions(self) -> str:
        """Which positions of maps or tokens are taken; ``vector`` where there are none."""
        return " and ".join(dict.fromkeys(source.positions for source in self.sources))

    @property
    def description(self) -> str:
        """Where features are, in words."""
        taken = "" if self.positions == "vector" else f", positions {self.positions}"
        return f"{self.side} of {self.module}{taken}" if self.module else OUTPUTS

    def as_features(self, values: list[Tensor]) -> Tensor:
        """Return values at the places, each [n, ...], as features [n, n_features]."""
        vectors = [source.vector(value) for source, value in zip(self.sources, values, strict=True)]
        if len(vectors) == 1:
            return vectors[0]
        return torch.stack(vectors).mean(dim=0) if self.averaged else torch.cat(vectors, dim=1)


def find_feature_layer(
    network: nn.Module,
    example: Tensor,
    *,
    layer: str | None = None,
    positions: str | None = None,
    channels: str | None = None,
) -> tuple[FeatureLayer, Head | None]:
    """Return where the features of a network in eval mode are, and the linear map that makes the logits of them.

    Args:
        network: returns logits [n, n_classes].
        example: a few images [n, channels, height, width].
        layer: the name of a module, whose output has the features; None: the inputs of the linear map that makes the
            logits, or the outputs of the network where there is no such map.
        positions: ``mean``, ``class``, ``all``, or indices such as ``"3,4"``; None: the mean, or the one token that
            the logits are made of.
        channels: which axis of a layer's maps or tokens has the channels, ``first`` or ``last``; None: as the
            operations that made them show.

    Raises :class:`UserError` when there is no such layer, or the axis of its channels cannot be known.
    """
    modules = dict(network.named_modules())
    if layer is not None and (layer == "" or layer not in modules):
        near = difflib.get_close_matches(layer, modules, n=3) or [name for name in modules if "." not in name and name]
        raise UserError(f"layer is {layer!r}, which the network does not have; write one of {', '.join(near)}")
    example = several(example)
    head = find_head(network, example) if layer is None else _quiet_head(network, example)
    if layer is None:
        return _of_the_head(network, example, head)
    with torch.enable_grad(), recorded(network, [layer]) as calls, Trace() as trace:
        network(example)
    if len(calls) != 1:
        times = f"is computed {len(calls)} times in a pass" if calls else "takes no part in a pass"
        raise UserError(f"layer is {layer!r}, which {times}; name another module")
    values = calls[0].output
    if not isinstance(values, Tensor) or values.ndim < 2 or len(values) != len(example):
        raise UserError(f"layer {layer!r} gives no tensor with a row for each image; name another module")
    axis = 1 if values.ndim == 2 else _channel_axis(trace, calls[0], channels)
    source = Source(Place(layer, "output"), _positions(network, example, calls[0], positions, axis), axis)
    features = source.vector(values)
    # Not the inputs of the map themselves, but perhaps the same numbers, read elsewhere.
    matching = head if head is not None and _are_inputs(network, example, head, features) else None
    found = FeatureLayer(
        (source,),
        averaged=False,
        linear=matching.linear if matching else None,
        has_weights=matching is not None,
        n_features=features.shape[1],
    )
    return found, matching


def several(example: Tensor) -> Tensor:
    """Return at least four different images that lie between those of an example."""
    example = example[:4]
    if len(example) == 4:
        return example
    others = [example, example.flip(-1), (example + example.flip(-2)) / 2, example.flip(-2)]
    return torch.cat(others)[:4] if len(example) > 1 else torch.cat(others)


def _quiet_head(network: nn.Module, example: Tensor) -> Head | None:
    """Return the linear map; None where there is none, which matters little for a layer that the user names."""
    try:
        return find_head(network, example)
    except UserError:
        return None


@torch.no_grad()
def _of_the_head(network: nn.Module, example: Tensor, head: Head | None) -> tuple[FeatureLayer, Head | None]:
    if head is None:
        outputs = network(example)
        logger.warning(
            "no linear layer makes the outputs of the network, as of an encoder: its %d outputs themselves are "
            "measured, without weights; write layer: to measure another module's output",
            outputs.shape[1],
        )
        source = Source(Place("", "output"), "vector", 1)
        return FeatureLayer((source,), False, None, False, outputs.shape[1]), None
    has_weights = head.linear is not None or head.weight is not None
    n_features = _read(network, example, head).shape[1]
    layer = FeatureLayer(head.sources, head.averaged, head.linear, has_weights, n_features)
    if not has_weights:
        logger.warning(
            "an operation that is not linear stands between %s and the outputs of the network: its features are "
            "measured without weights",
            layer.module,
        )
    return layer, head if has_weights else None


@torch.no_grad()
def _read(network: nn.Module, example: Tensor, head: Head) -> Tensor:
    names = list(dict.fromkeys(source.place.module for source in head.sources))
    with recorded(network, names) as calls:
        network(example)
    values = {Place(call.module, "input", call.call): call.input for call in calls}
    layer = FeatureLayer(head.sources, head.averaged, None, False, 0)
    return layer.as_features([values[source.place] for source in head.sources])


def _are_inputs(network: nn.Module, example: Tensor, head: Head, features: Tensor) -> bool:
    inputs = _read(network, example, head)
    return inputs.shape == features.shape and torch.allclose(inputs, features, rtol=TOLERANCE, atol=1e-5)


def _channel_axis(trace: Trace, call: Call, channels: str | None) -> int:
    n_axes = call.output.ndim
    if channels is not None:
        return 1 if channels == "first" else n_axes - 1
    axis = channel_axis(trace.maker(call.output))
    if axis is None:  # code of its own made the output; what has the same shape may show it
        alike = {channel_axis(made) for made in trace.made.values() if made.output.shape == call.output.shape} - {None}
        axis = alike.pop() if len(alike) == 1 else None
    if axis is None or axis not in (1, n_axes - 1):
        shape = " x ".join(map(str, call.output.shape[1:]))
        raise UserError(
            f"layer {call.module!r} gives {shape} numbers for an image, and which axis has the channels does not "
            "show; write channels: first, or channels: last"
        )
    return axis


def _positions(network: nn.Module, example: Tensor, call: Call, positions: str | None, axis: int) -> str:
    shape = call.output.shape
    sizes = [size for i, size in enumerate(shape) if i not in (0, axis)]
    if not sizes:
        if positions not in (None, "mean", "all"):
            raise UserError(f"positions is {positions!r}, but layer {call.module!r} gives one vector; write null")
        return "vector"
    if positions is None:
        return (
            "class" if len(sizes) == 1 and sizes[0] > 1 and _reads_first_token(network, example, call, axis) else "mean"
        )
    if positions == "class" and len(sizes) != 1:
        raise UserError(f"positions is 'class', but layer {call.module!r} gives maps, no tokens; write mean or all")
    if positions not in ("mean", "all", "class"):
        index = [int(part) for part in positions.split(",")]
        if len(index) != len(sizes) or any(i >= size for i, size in zip(index, sizes, strict=True)):
            raise UserError(
                f"positions is {positions!r}, but layer {call.module!r} has positions {' x '.join(map(str, sizes))}, "
                "counted from 0; write one of them, mean, or all"
            )
    return positions


def _reads_first_token(network: nn.Module, example: Tensor, call: Call, axis: int) -> bool:
    """Return whether the outputs of the network depend on the first token of a layer, and on no other one."""
    points = example.clone().requires_grad_()
    with torch.enable_grad(), recorded(network, [call.module]) as calls:
        outputs = network(points)
        if not outputs.requires_grad or not calls[0].output.requires_grad:
            return False
        weights = torch.randn(outputs.shape[1:], generator=torch.Generator().manual_seed(0)).to(outputs)
        (gradient,) = torch.autograd.grad((outputs * weights).sum(), calls[0].output, allow_unused=True)
    if gradient is None:
        return False
    strength = gradient.movedim(axis, -1).abs().amax(dim=(0, 2))
    return bool(strength[0] > 0) and not bool(strength[1:].any())
