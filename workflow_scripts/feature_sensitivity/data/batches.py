"""Images on a device, standardized, a batch at a time."""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

from feature_sensitivity.data.split import Split
from feature_sensitivity.data.standardization import Standardization


class Batch(NamedTuple):
    """``rows``: places in the split, int64 [n] on the CPU; ``x``: standardized images; ``y``: labels int64 [n]."""

    rows: Tensor
    x: Tensor
    y: Tensor


def batches(
    split: Split,
    standardization: Standardization,
    *,
    device: torch.device,
    batch_size: int,
    order: Tensor | None = None,
) -> Iterator[Batch]:
    """Yield the images of a split, in their order or in the ``order`` of the places int64 [n]."""
    labels = torch.from_numpy(split.labels)
    for rows in (torch.arange(len(labels)) if order is None else order).split(batch_size):
        x = standardization.standardize(torch.from_numpy(split.images[rows.numpy()]).to(device))
        yield Batch(rows, x.contiguous(memory_format=torch.channels_last), labels[rows].to(device))
