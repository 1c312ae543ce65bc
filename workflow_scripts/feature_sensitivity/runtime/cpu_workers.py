"""CPU workers: a thread for each core, each with rows of its own.

This way no core waits for the others after every operation, and the activations of its rows stay in its cache.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import torch
from torch import Tensor

from feature_sensitivity.runtime.devices import n_workers

Share = Callable[..., tuple[Tensor, ...]]
"""``share(work, *rows)`` does ``work`` on tensors [n, ...] and returns its results, tensors of n rows."""


def one_core_each(n: int) -> ThreadPoolExecutor:
    """Return a pool of ``n`` threads, in each of which PyTorch uses one core."""
    # Each thread has its own number of PyTorch threads, and starts with the number that any thread set last.
    return ThreadPoolExecutor(n, initializer=torch.set_num_threads, initargs=(1,))


@contextmanager
def every_core(device: torch.device, *, row_wise: bool = True) -> Iterator[Share]:
    """Yield a function that does work on rows with all cores that PyTorch may use: each core takes some of the rows.

    On a GPU the function does the work on all rows at once. So it does if ``row_wise`` is false: when the result of a
    row depends on the others, as in BatchNorm during training.
    """
    n_cores = n_workers(device) if row_wise else 1
    if n_cores == 1:
        yield lambda work, *rows: work(*rows)
        return
    with one_core_each(n_cores) as pool:

        def share(work: Share, *rows: Tensor) -> tuple[Tensor, ...]:
            parts = pool.map(work, *(tensor.chunk(n_cores) for tensor in rows))
            return tuple(map(torch.cat, zip(*parts, strict=True)))

        yield share
