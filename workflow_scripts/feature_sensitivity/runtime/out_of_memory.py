"""How PyTorch says that memory ran out; PyTorch itself is not imported."""

OUT_OF_MEMORY = (
    "OutOfMemoryError",  # PyTorch on a GPU
    "CUDA error: out of memory",  # outside PyTorch's own memory, such as for kernels that are loaded when first used
    "DefaultCPUAllocator",  # PyTorch on a CPU
    "STATUS_ALLOC_FAILED",  # cuBLAS
    "ALLOCATION_FAILED",  # cuDNN
    "unable to find an engine to execute this computation",  # cuDNN, when no algorithm's workspace fits
)
"""Texts by which an error of PyTorch shows that memory ran out."""


def is_out_of_memory(error: Exception) -> bool:
    """Return whether an error of PyTorch says that memory ran out."""
    return any(text in f"{type(error).__name__}: {error}" for text in OUT_OF_MEMORY)
