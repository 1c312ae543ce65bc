"""Where things are computed."""

import torch


def best_device() -> torch.device:
    """The first visible CUDA device, or the CPU; float32 means float32 on both.

    TensorFloat-32 is switched off, and cuDNN is told to use deterministic algorithms.
    """
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cudnn.allow_tf32 = False
    torch.backends.cudnn.deterministic = True
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def device_name(device: torch.device) -> str:
    """A name for people, such as ``NVIDIA H200`` or ``CPU, 2 threads``."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"CPU, {torch.get_num_threads()} threads"
