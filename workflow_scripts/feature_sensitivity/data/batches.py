"""Images on a device, standardized, a batch at a time."""

from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeVar

import torch
from torch import Tensor

from feature_sensitivity.data.split import Split
from feature_sensitivity.data.standardization import Standardization
from feature_sensitivity.runtime.batch_size import BatchSize, fitting_rows

T = TypeVar("T")


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


def in_fitting_batches(
    compute: Callable[[Batch], T],
    split: Split,
    standardization: Standardization,
    *,
    device: torch.device,
    batch_size: int,
) -> Iterator[tuple[Tensor, T]]:
    """Yield ``rows`` and ``compute(batch)`` of one batch after another, in the order of the split.

    Batches have ``batch_size`` images, or fewer where images are large or memory runs out.
    """
    n_images, done = len(split.labels), 0
    size = BatchSize(fitting_rows(batch_size, split.images.shape[2:]))

    def attempt(n_rows: int) -> tuple[Tensor, T]:
        order = torch.arange(done, min(done + n_rows, n_images))
        (batch,) = batches(split, standardization, device=device, batch_size=n_rows, order=order)
        return batch.rows, compute(batch)

    while done < n_images:
        rows, result = size.fit(attempt)
        yield rows, result
        done += len(rows)
