"""PyTorch's settings for all of a process: a measurement needs some, and leaves all as they were."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import torch

from feature_sensitivity.runtime.devices import choose_gpu, chosen_gpu, make_exact

BACKENDS: Any = torch.backends  # whose types lack some of these
SWITCHES: tuple[tuple[Any, str], ...] = (
    (BACKENDS.cudnn, "allow_tf32"),
    (BACKENDS.cudnn, "benchmark"),
    (BACKENDS.cudnn, "deterministic"),
    (BACKENDS, "fp32_precision"),
    (BACKENDS.cudnn, "fp32_precision"),
    (BACKENDS.cuda.matmul, "fp32_precision"),
    (BACKENDS.cudnn.conv, "fp32_precision"),
    (BACKENDS.cudnn.rnn, "fp32_precision"),
    (BACKENDS.mkldnn.matmul, "fp32_precision"),
)
ATTENTION = ("flash", "mem_efficient", "math", "cudnn")


@contextmanager
def exact_settings() -> Iterator[None]:
    """Compute as :func:`make_exact` says, in float32 and with gradients, whatever the caller has set; then set it back.

    The caller may be in ``torch.autocast``, ``torch.no_grad`` or ``torch.inference_mode``, or have another default type
    or device.
    """
    dtype, fast_path = torch.get_default_dtype(), torch.backends.mha.get_fastpath_enabled()
    precision = _read(torch.get_float32_matmul_precision)
    switches = [(owner, name, _read(lambda o=owner, n=name: getattr(o, n))) for owner, name in SWITCHES]
    attention = {kind: getattr(torch.backends.cuda, f"{kind}_sdp_enabled")() for kind in ATTENTION}
    device = chosen_gpu()
    try:
        with ExitStack() as stack:
            stack.enter_context(torch.inference_mode(False))
            stack.enter_context(torch.enable_grad())
            stack.enter_context(torch.device("cpu"))
            for kind in ("cpu", "cuda"):
                stack.enter_context(torch.autocast(kind, enabled=False))
            torch.set_default_dtype(torch.float32)
            torch.backends.mha.set_fastpath_enabled(False)
            make_exact()
            yield
    finally:
        torch.set_default_dtype(dtype)
        torch.backends.mha.set_fastpath_enabled(fast_path)
        if precision is not None:
            torch.set_float32_matmul_precision(precision)
        for owner, name, value in switches:
            if value is not None:
                setattr(owner, name, value)
        for kind, value in attention.items():
            getattr(torch.backends.cuda, f"enable_{kind}_sdp")(value)
        if device is not None:
            choose_gpu(device)


def _read(getter: Any) -> Any:
    """Return a setting; None where PyTorch refuses to tell an older name, since newer ones contradict it."""
    try:
        return getter()
    except RuntimeError:
        return None
