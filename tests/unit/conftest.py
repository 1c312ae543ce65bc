"""Data that unit tests share."""

import numpy as np
import pytest
import torch

from accuracy_cases import N
from feature_sensitivity.data.digits import load_digits
from feature_sensitivity.data.split import Split
from feature_sensitivity.networks.classifier import Classifier


@pytest.fixture
def data(network: Classifier) -> dict:
    """Images, with the network's own decisions as labels but for every fourth image."""
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (N, 3, 8, 8), dtype=np.uint8)
    x = (torch.from_numpy(images).float() / 255 - 0.5) / 0.25
    with torch.no_grad():
        labels = network(x).argmax(1).numpy()
    labels[::4] = (labels[::4] + 1) % 5
    return {"split": Split(images, labels), "image_index": np.arange(N)}


@pytest.fixture(scope="module")
def digits() -> tuple[Split, Split]:
    source = load_digits(size=8)
    whole = source.splits["train"]
    return Split(whole.images[:333], whole.labels[:333]), source.splits["test"]
