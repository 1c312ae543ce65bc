"""The modes of PyTorch that a caller may have switched on, and that must not reach into a measurement."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import torch


@contextmanager
def ordinary_modes() -> Iterator[None]:
    """Compute with gradients, in float32, on the CPU unless stated otherwise; afterwards all is as it was.

    So it is whatever ``no_grad``, ``inference_mode``, ``autocast``, default type or default device the caller has set.
    """
    dtype = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    try:
        with ExitStack() as stack:
            stack.enter_context(torch.inference_mode(False))
            stack.enter_context(torch.enable_grad())
            for device in ("cpu", "cuda"):
                if torch.is_autocast_enabled(device):
                    stack.enter_context(torch.autocast(device, enabled=False))
            if torch.get_default_device().type != "cpu":
                stack.enter_context(torch.device("cpu"))
            yield
    finally:
        torch.set_default_dtype(dtype)
