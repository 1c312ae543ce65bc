"""How PyTorch says that memory ran out; PyTorch itself is imported only for an error that may come from it."""

OUT_OF_MEMORY = (
    "OutOfMemoryError",  # PyTorch on a GPU
    "CUDA error: out of memory",  # outside PyTorch's own memory, such as for kernels that are loaded when first used
    "DefaultCPUAllocator",  # PyTorch on a CPU
    "STATUS_ALLOC_FAILED",  # cuBLAS
    "ALLOCATION_FAILED",  # cuDNN
)
"""Texts by which an error of PyTorch shows that memory ran out."""

PERHAPS_OUT_OF_MEMORY = (
    "unable to find an engine to execute this computation",  # cuDNN, when no algorithm's workspace fits
    "NOT_INITIALIZED",  # cuBLAS and cuDNN, when their own memory does not fit
)
"""Texts of errors that have other causes, too: a GPU that is full tells which."""


def is_out_of_memory(error: Exception) -> bool:
    """Return whether an error of PyTorch says that memory ran out."""
    text = f"{type(error).__name__}: {error}"
    if any(part in text for part in PERHAPS_OUT_OF_MEMORY):
        from feature_sensitivity.runtime.devices import gpu_is_full

        return gpu_is_full()
    return any(part in text for part in OUT_OF_MEMORY)
