"""What the graph of a network shows of its structure, where torch.fx can trace it."""

import math
from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

import torch
import torch.fx
from torch import nn
from torch.nn import functional as F

from feature_sensitivity.networks.copies import copied

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)

KEEPS_SIGN = {
    nn.AdaptiveAvgPool2d, nn.AvgPool2d, nn.MaxPool2d, nn.Flatten, nn.Identity, nn.Dropout,
    torch.flatten, torch.mean, F.adaptive_avg_pool2d, F.avg_pool2d, F.max_pool2d, F.dropout, torch.squeeze,
    "flatten", "mean", "view", "reshape", "squeeze", "contiguous",
}  # fmt: skip
"""Operations whose output is nowhere negative where their input is nowhere negative."""

NEVER_NEGATIVE = {
    nn.ReLU, nn.ReLU6, nn.Sigmoid, nn.Hardsigmoid, nn.Softmax,
    F.relu, F.relu_, F.relu6, torch.relu, torch.relu_, torch.sigmoid, F.softmax, torch.softmax,
    "relu", "relu_", "sigmoid", "softmax",
}  # fmt: skip


class _Tracer(torch.fx.Tracer):
    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        """Let subclasses of convolutions be one operation, too."""
        return isinstance(m, CONVOLUTIONS + NORMS) or super().is_leaf_module(m, module_qualified_name)


# Tracing takes as long as some forward passes, and adversarial training folds a network before each batch.
_graphs: WeakKeyDictionary[nn.Module, torch.fx.Graph | None] = WeakKeyDictionary()


def graph_of(network: nn.Module) -> torch.fx.Graph | None:
    """Return the graph of a network's forward pass; None where it cannot be traced."""
    if network not in _graphs:
        try:
            _graphs[network] = _Tracer().trace(copied(network).eval())
        except Exception:  # whatever the code of a network does with values that are not there yet
            _graphs[network] = None
    return _graphs[network]


def foldable_pairs(network: nn.Module) -> list[tuple[str, str]]:
    """Return (convolution, BatchNorm) by name, where the one alone takes what the other alone gives."""
    graph = graph_of(network)
    if graph is None:
        return []
    modules = dict(network.named_modules(remove_duplicate=False))
    calls = [node for node in graph.nodes if node.op == "call_module"]
    n_calls: dict[int, int] = {}
    for node in calls:
        module = id(modules[str(node.target)])
        n_calls[module] = n_calls.get(module, 0) + 1
    pairs = []
    for node in calls:
        norm, before = modules[str(node.target)], node.args[0] if node.args else None
        if not isinstance(norm, NORMS) or not isinstance(before, torch.fx.Node) or before.op != "call_module":
            continue
        conv = modules[str(before.target)]
        if (
            isinstance(conv, CONVOLUTIONS)
            and list(before.users) == [node]
            and n_calls[id(conv)] == n_calls[id(norm)] == 1
            and isinstance(conv._parameters.get("weight"), nn.Parameter)  # no weight norm or the like
            and norm.running_mean is not None
        ):
            pairs.append((str(before.target), str(node.target)))
    return pairs


def known_minimum(network: nn.Module, module: str, side: str) -> float:
    """Return 0 where the graph shows that values at a module are nowhere negative, else minus infinity."""
    graph = graph_of(network)
    nodes = [node for node in graph.nodes if node.op == "call_module" and node.target == module] if graph else []
    if len(nodes) != 1:
        return -math.inf
    node: Any = nodes[0]
    if side == "input":
        node = node.args[0] if node.args else None
    operation = partial(_operation, dict(network.named_modules(remove_duplicate=False)))
    while isinstance(node, torch.fx.Node) and operation(node) in KEEPS_SIGN and node.args:
        node = node.args[0]
    return 0.0 if isinstance(node, torch.fx.Node) and operation(node) in NEVER_NEGATIVE else -math.inf


def _operation(modules: dict[str, nn.Module], node: torch.fx.Node) -> Any:
    """Return the class of a module, a function, or the name of a method."""
    return type(modules[str(node.target)]) if node.op == "call_module" else node.target
