"""Which axis of a tensor inside a network has its channels, as the operations that made it show."""

from typing import Any

import torch

from feature_sensitivity.networks.trace import Operation

FIRST = {
    "conv1d", "conv2d", "conv3d", "conv_transpose2d", "batch_norm", "group_norm", "instance_norm", "interpolate",
    "max_pool2d", "avg_pool2d", "adaptive_avg_pool2d", "adaptive_max_pool2d", "pixel_shuffle", "pixel_unshuffle",
}  # fmt: skip
"""Operations whose output has its channels at axis 1."""

LAST = {"linear", "rms_norm", "embedding"}
"""Operations whose output has its channels at the last axis."""

MOVED = {"permute", "transpose", "swapaxes", "movedim", "t"}
RESHAPED = {"view", "view_as", "reshape", "flatten", "unflatten", "squeeze", "unsqueeze", "getitem", "unbind", "select"}
KEPT = {"cat", "concat", "chunk", "split", "pad", "roll", "narrow"}


def channel_axis(operation: Operation | None) -> int | None:
    """Return the axis of an operation's output that has the channels; None where that cannot be known.

    Convolutions and BatchNorm have channels at axis 1, linear layers and LayerNorm at the last one. What moves or
    splits axes is followed, and what keeps the shape keeps the axis.
    """
    return _axis(operation, {})


def _axis(operation: Operation | None, known: dict[int, int | None]) -> int | None:
    if operation is None:
        return None
    if id(operation) not in known:
        known[id(operation)] = None
        known[id(operation)] = _found(operation, known)
    return known[id(operation)]


def _found(operation: Operation, known: dict[int, int | None]) -> int | None:
    name, out = operation.name, tuple(operation.output.shape)
    if name in FIRST:
        return 1
    if name == "linear" and (before := _axis(operation.parents[0], known)) is not None and before < len(out) - 1:
        return before  # it mixes tokens, as in an MLP-Mixer
    if name in LAST or (name == "layer_norm" and len(operation.args[1]) == 1) or _multiplies_by_weights(operation):
        return len(out) - 1
    if not operation.shapes:
        return None
    axis, shape = _axis(operation.parents[0], known), operation.shapes[0]
    if name in MOVED:
        return None if axis is None else _moved(operation, len(shape)).index(axis)
    if shape != out and axis is not None and name in RESHAPED:
        return _same_block(shape, axis, out)
    if shape != out and axis is not None and name in ("mean", "sum", "amax"):
        return _without(operation, axis, shape, out)
    # Of several tensors of the output's shape, as in a sum, the one whose channels are known.
    axes = (
        _axis(parent, known)
        for parent, of_parent in zip(operation.parents, operation.shapes, strict=True)
        if of_parent == out or (name in KEPT and len(of_parent) == len(out))
    )
    return next((axis for axis in axes if axis is not None), None)


def _multiplies_by_weights(operation: Operation) -> bool:
    """Return whether tokens [..., channels] are multiplied by a matrix of weights."""
    return operation.name == "matmul" and operation.tensors[-1].is_leaf and operation.tensors[-1].ndim == 2


def _moved(operation: Operation, n: int) -> list[int]:
    """Return which axis of its input each axis of the output was."""
    probe: Any = torch.empty(tuple(range(1, n + 1)), device="meta")
    moved = getattr(probe, operation.name)(*operation.args[1:], **operation.kwargs)
    return [size - 1 for size in moved.shape]


def _same_block(shape: tuple[int, ...], axis: int, out: tuple[int, ...]) -> int | None:
    """Return the axis of a reshaped tensor that runs as an axis did before: as long, behind as many numbers."""
    wanted = torch.Size(shape[:axis]).numel()
    same = (i for i, size in enumerate(out) if size == shape[axis] and torch.Size(out[:i]).numel() == wanted)
    return next(same, None)


def _without(operation: Operation, axis: int, shape: tuple[int, ...], out: tuple[int, ...]) -> int | None:
    """Return where an axis lies after a mean or a sum over others."""
    if len(shape) == len(out):
        return axis
    dims = operation.kwargs.get("dim", operation.args[1] if len(operation.args) > 1 else None)
    gone = {dim % len(shape) for dim in (dims if isinstance(dims, list | tuple) else [dims]) if dim is not None}
    return None if axis in gone or not gone else axis - sum(dim < axis for dim in gone)
