"""Accuracy without attack."""

from collections.abc import Sequence

import torch

from feature_sensitivity.data.split import Split
from feature_sensitivity.data.standardization import standardize
from feature_sensitivity.networks.classifier import Classifier


def clean_accuracy(
    network: Classifier, split: Split, *, mean: Sequence[float], std: Sequence[float], device: torch.device
) -> float:
    """The share of unperturbed images that are classified correctly."""
    network.eval()
    n_correct = 0
    with torch.no_grad():
        for first in range(0, len(split.labels), 500):
            chosen = slice(first, first + 500)
            x = standardize(torch.from_numpy(split.images[chosen]).to(device), mean, std)
            y = torch.from_numpy(split.labels[chosen]).to(device)
            n_correct += int((network(x.contiguous(memory_format=torch.channels_last)).argmax(1) == y).sum())
    return n_correct / len(split.labels)
