"""What the graph of a network shows of its structure, where torch.fx can trace it."""

from weakref import WeakKeyDictionary

import torch
import torch.fx
from torch import nn

from feature_sensitivity.networks.copies import copied

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)


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
        ):
            pairs.append((str(before.target), str(node.target)))
    return pairs
