"""The cores of a CPU, each at work on rows of its own.

This way no core waits for another after every operation, and the activations of its rows stay in its cache.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import torch
from torch import Tensor

Share = Callable[..., tuple[Tensor, ...]]
"""``share(work, *rows)`` does ``work`` on tensors [n, ...] and gives its results, which are of n rows, too."""


def one_core_each(n: int) -> ThreadPoolExecutor:
    """``n`` threads, in each of which PyTorch does an operation on one core."""
    # PyTorch's number of threads is one for each thread, but who has not yet asked for it takes the last one set.
    return ThreadPoolExecutor(n, initializer=torch.set_num_threads, initargs=(1,))


@contextmanager
def every_core(device: torch.device, *, row_wise: bool = True) -> Iterator[Share]:
    """Give a function that shares rows out to all cores that PyTorch may use.

    A GPU gets them all at once, and so does work that is not ``row_wise``.
    """
    n_cores = torch.get_num_threads() if device.type == "cpu" and row_wise else 1
    if n_cores == 1:
        yield lambda work, *rows: work(*rows)
        return
    with one_core_each(n_cores) as pool:

        def share(work: Share, *rows: Tensor) -> tuple[Tensor, ...]:
            parts = pool.map(work, *(tensor.chunk(n_cores) for tensor in rows))
            return tuple(map(torch.cat, zip(*parts, strict=True)))

        yield share
