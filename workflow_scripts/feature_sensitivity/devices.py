"""Where things are computed."""

import ctypes
import platform

import torch


def best_device() -> torch.device:
    """The first visible CUDA device, or the CPU, made ready.

    Float32 means float32 on both: TensorFloat-32 is switched off. cuDNN is told to use deterministic algorithms.
    """
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.deterministic = True
    if torch.cuda.is_available():
        return torch.device("cuda")
    _keep_freed_memory()
    return torch.device("cpu")


def _keep_freed_memory() -> None:
    """Make glibc reuse large blocks: handing each activation back to the kernel costs a quarter of an attack's time."""
    if platform.libc_ver()[0] == "glibc":
        trim_threshold, mmap_max = -1, -4  # the names' values in malloc.h
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(mmap_max, 0)
        mallopt(trim_threshold, 2**31 - 1)


def device_name(device: torch.device) -> str:
    """A name for people, such as ``NVIDIA H200`` or ``CPU, 2 threads``."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"CPU, {torch.get_num_threads()} threads"
