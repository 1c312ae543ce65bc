"""What one forward pass of a network costs, counted by torch on one image."""

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode, flop_registry

from feature_sensitivity.config.network_costs import PassCost, read_counts
from feature_sensitivity.networks.build import build, with_sizes
from feature_sensitivity.networks.checkpoints import classifier_of
from feature_sensitivity.runtime.files import write_whole

CHANGES_NO_RESULT = True
N_CLASSES = 10
"""Of a network that is counted before its dataset is read; they cost next to nothing."""


class _WrittenValues(TorchDispatchMode):
    """Count the numbers that convolutions, matrix products and attention write."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.total = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        if func.overloadpacket in flop_registry:
            self.total += (out[0] if isinstance(out, tuple) else out).numel()
        return out


def pass_cost(network: nn.Module, image_shape: Sequence[int]) -> dict[str, int]:
    """Return ``flop`` and ``values`` of one image's forward pass; ``network`` is put in eval mode.

    ``image_shape``: [channels, height, width].
    """
    parameter = next(network.parameters(), torch.zeros(0))
    # With gradients, since without them torch computes whole encoder layers in one piece that it does not count.
    image = torch.zeros(1, *image_shape, device=parameter.device, requires_grad=True).clone()
    # Attention as plain matrix products. The inner mode takes apart what torch calls in one piece; the outer one sees
    # the parts.
    with (
        torch.enable_grad(),
        sdpa_kernel(SDPBackend.MATH),
        _WrittenValues() as values,
        FlopCounterMode(display=False) as flop,
    ):
        network.eval()(image)
    return {"flop": int(flop.get_total_flops()), "values": values.total}


def cost_of(description: dict[str, Any]) -> PassCost:
    """Return the cost of a network as ``config.network_costs`` describes it."""
    shape = description["image_shape"]
    sizes = with_sizes(description["architecture"], width=1, in_channels=shape[0], n_classes=N_CLASSES)
    network = build(sizes).eval()
    features = classifier_of(network, shape, None, layer=description["layer"], positions=description["positions"])
    return PassCost(**pass_cost(network, shape), n_features=features.n_features)


def main(file: Path) -> None:
    """Count the networks that stand on standard input, one on a line, and add each to the file of counts."""
    for line in sys.stdin.read().splitlines():
        try:
            cost = cost_of(json.loads(line))
        except Exception:  # a library that is not here, or whatever the user's code raises
            continue
        write_whole(file, json.dumps({**read_counts(file), line: cost}, indent=1).encode())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
