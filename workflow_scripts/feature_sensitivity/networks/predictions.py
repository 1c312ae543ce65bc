"""What a network decides, without attack."""

from typing import cast

import torch
from torch import Tensor, nn

from feature_sensitivity.data.batches import in_fitting_batches
from feature_sensitivity.data.split import Split
from feature_sensitivity.data.standardization import Standardization

BATCH_SIZE = 500


def is_correct(network: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    """Return which standardized images [n, ...] are classified as ``y`` [n], as bool [n]."""
    with torch.no_grad():
        return cast("Tensor", network(x).argmax(1) == y)


def clean_accuracy(
    network: nn.Module, split: Split, standardization: Standardization, *, device: torch.device
) -> float:
    """Return the share of unperturbed images that are classified correctly."""
    network.eval()
    tested = in_fitting_batches(
        lambda batch: int(is_correct(network, batch.x, batch.y).sum()),
        split,
        standardization,
        device=device,
        batch_size=BATCH_SIZE,
    )
    return sum(n_correct for _, n_correct in tested) / len(split.labels)
