"""The device that a job computes on."""

import ctypes
import fcntl
import itertools
import logging
import os
import platform
import shutil
import tempfile
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import IO, Any

import torch

from feature_sensitivity.runtime.errors import UserError

logger = logging.getLogger(__name__)

_held: list[IO[str]] = []
"""Lock files of this process, open until it ends."""


def best_device() -> torch.device:
    """Set up the visible CUDA device on which the fewest other jobs of this user run, or else the CPU, and log which.

    As :func:`make_exact` says, results are exact and reproducible on it.
    """
    make_exact()
    if torch.cuda.is_available():
        names = [str(torch.cuda.get_device_properties(i).uuid) for i in range(torch.cuda.device_count())]
        chosen = take_free_device(names, Path(tempfile.gettempdir()) / f"feature_sensitivity_{os.getuid()}")
        torch.cuda.set_device(chosen)
        logger.info("on %s", device_name(torch.device("cuda", chosen)))
        return torch.device("cuda", chosen)
    if shutil.which("nvidia-smi"):
        logger.warning(
            "this machine seems to have a GPU, but this PyTorch (%s) cannot use it and runs on the CPU; "
            "for the GPU, update its driver",
            torch.__version__,
        )
    _keep_freed_memory()
    logger.info("on %s", device_name(torch.device("cpu")))
    return torch.device("cpu")


def make_exact() -> None:
    """Let float32 mean float32 on a GPU, too, and the same computation give the same bits, whatever was set before.

    TensorFloat-32 is off, and so are the choice of algorithms by time and kernels of attention that add in any order.
    """
    torch.set_float32_matmul_precision("highest")
    torch.backends.cudnn.allow_tf32 = False
    # Whoever set a precision for all of PyTorch or cuDNN set it for operations that have none of their own.
    backends: Any = torch.backends  # whose types lack these
    for operations in (backends.cuda.matmul, backends.cudnn.conv, backends.cudnn.rnn):
        operations.fp32_precision = "ieee"
    torch.backends.cudnn.benchmark = False
    torch.backends.cudnn.deterministic = True
    if torch.cuda.is_available():
        torch.backends.cuda.enable_flash_sdp(False)
        torch.backends.cuda.enable_mem_efficient_sdp(False)
        torch.backends.cuda.enable_cudnn_sdp(False)


def take_free_device(names: Sequence[str], folder: Path) -> int:
    """Take the named device that the fewest processes have taken, until this process ends, and return its index.

    This never waits for a free device: with more processes than devices, devices are shared evenly. How many processes
    run at a time is the scheduler's decision, such as Snakemake's with its resource ``gpu``.

    Args:
        names: one for each visible device, unique and the same in every process, whatever CUDA_VISIBLE_DEVICES leaves
            visible and in whatever order.
        folder: for lock files; on this machine's own disk. The first process on a device locks ``{name}.1``, the second
            ``{name}.2``, and so on. The kernel releases the locks of a process however it ends.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    for share in itertools.count(1):
        for index, name in enumerate(names):
            file = (folder / f"{name}.{share}").open("w")
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.close()
                continue
            _held.append(file)
            return index
    raise AssertionError("unreachable")


def _keep_freed_memory() -> None:
    """Make glibc reuse large blocks: returning each activation to the kernel costs a quarter of an attack's time."""
    if platform.libc_ver()[0] == "glibc":
        trim_threshold, mmap_max, arena_max = -1, -4, -8  # the names' values in malloc.h
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(mmap_max, 0)
        mallopt(trim_threshold, 2**31 - 1)
        mallopt(arena_max, 1)


def device_named(name: str | torch.device) -> torch.device:
    """Return the device of this name; raise :class:`UserError` where this machine has none that can be used."""
    try:
        device = torch.device(name)
    except RuntimeError as error:
        raise UserError(f"device is {str(name)!r}; write one such as cpu, cuda or cuda:1") from error
    if device.type not in ("cpu", "cuda"):
        raise UserError(f"device is {str(name)!r}; write cpu, or a CUDA device such as cuda:1")
    if is_gpu(device) and (device.index or 0) >= torch.cuda.device_count():
        raise UserError(f"device is {str(name)!r}, but PyTorch sees {torch.cuda.device_count()} CUDA devices here")
    return device


def chosen_gpu() -> int | None:
    """Return the index of the GPU that tensors go to by default; None as long as no GPU is in use."""
    return torch.cuda.current_device() if torch.cuda.is_initialized() else None


def choose_gpu(index: int) -> None:
    """Let tensors go to this GPU by default."""
    torch.cuda.set_device(index)


def is_gpu(device: torch.device) -> bool:
    """Return whether the device is a GPU, which works by itself while the host goes on; else it is the CPU."""
    return device.type == "cuda"


def device_name(device: torch.device) -> str:
    """Return a human-readable name, such as ``NVIDIA H200`` or ``CPU, 2 threads``."""
    if is_gpu(device):
        return torch.cuda.get_device_name(device)
    n_threads = torch.get_num_threads()
    return f"CPU, {n_threads} thread{'s' if n_threads > 1 else ''}"


def device_identity(device: torch.device) -> str:
    """Return what has to be the same where unfinished work is continued: the kind of device, and the model of a GPU."""
    return f"cuda: {torch.cuda.get_device_name(device)}" if is_gpu(device) else device.type


def default_rows(device: torch.device) -> int:
    """Return how many small images are computed at a time: by a GPU, or by each core."""
    return 1024 if is_gpu(device) else 64


def n_workers(device: torch.device) -> int:
    """Return how many threads compute rows of their own: one for a GPU, or one for each core PyTorch may use."""
    return 1 if is_gpu(device) else torch.get_num_threads()


def rows_between_plans(device: torch.device) -> int:
    """Return of what number a batch that shrinks has a multiple of rows: a GPU plans its kernels for each new size."""
    return 64 if is_gpu(device) else 1


def computing_on(device: torch.device) -> AbstractContextManager[Any]:
    """Return a context in which this thread's work goes to the device."""
    return torch.cuda.device(device) if is_gpu(device) else nullcontext()


def default_generator(device: torch.device) -> torch.Generator:
    """Return the generator from which layers such as dropout draw there."""
    if not is_gpu(device):
        return torch.default_generator
    return torch.cuda.default_generators[torch.cuda.current_device() if device.index is None else device.index]


def has_bfloat16(device: torch.device) -> bool:
    """Return whether the device computes with bfloat16 in hardware: a GPU, or a CPU with AMX or AVX-512 BF16."""
    if is_gpu(device):
        return torch.cuda.is_bf16_supported(including_emulation=False)
    return any(present for name, present in torch.cpu.get_capabilities().items() if name.endswith("bf16"))


def can_search_in_bfloat16(device: torch.device) -> bool:
    """Return whether an attack can be computed in bfloat16: a CPU emulates it, a GPU without it is refused."""
    return not is_gpu(device) or has_bfloat16(device)


def free_cached_memory() -> None:
    """Give the memory back that PyTorch keeps on a GPU for tensors to come."""
    torch.cuda.empty_cache()


def gpu_is_full() -> bool:
    """Return whether less than a tenth of the memory of the present GPU is free for tensors; False without a GPU."""
    if not torch.cuda.is_available():
        return False
    free, total = torch.cuda.mem_get_info()
    return free + torch.cuda.memory_reserved() - torch.cuda.memory_allocated() < total / 10
