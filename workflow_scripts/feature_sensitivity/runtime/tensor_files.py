"""Files of tensors: read without running code that they hold, written whole or not at all."""

import io
import pickle
import re
import sys
import warnings
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import IO, Any

import torch
from torch import Tensor

from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.runtime.files import write_whole

ZIP = b"PK\x03\x04"
"""The first bytes of an archive, as torch writes since 2020; older files have a pickle in front of the tensors."""

LARGEST_PICKLE = 4_000_000
"""Bytes of a file of tensors that are no tensors: some 20,000 names, and a gigabyte of memory at worst."""

SIZED = b"bytearray\n"
"""A class that takes as much memory as it is told, by its name in a pickle."""

LARGEST_EXPANDED = 16_000_000
"""Bytes of a tensor of which a part alone is stored, since it repeats."""

MOST_STAND_INS = 64
"""Classes of other packages whose objects may stand in a file."""

HOLDERS = ("argparse", "collections", "datetime", "decimal", "pathlib", "types", "uuid")
"""Parts of Python's own library whose objects hold values; what all its others name is refused."""

PLAIN_TYPES = ("bool", "bytes", "dict", "float", "frozenset", "int", "list", "object", "range", "slice", "str", "tuple")
REFUSED = {*sys.stdlib_module_names, "torch", "__builtin__", "commands"} - {*HOLDERS}
"""Packages whose functions could do anything, by their names in Python 2, too."""


class StandIn:
    """An object of another class in a file: its class is neither imported nor called."""

    def __new__(cls, *arguments: Any, **named: Any) -> "StandIn":
        """Return an object without content, whatever it was made from."""
        return super().__new__(cls)

    def __init__(self, *arguments: Any, **named: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        """Keep nothing."""


def save_tensors(path: Path, content: Mapping[str, Any]) -> None:
    """Write tensors and plain builtins."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    write_whole(path, buffer.getvalue())


def load_tensors(file: Path | IO[bytes], *, where: str, advice: str) -> Any:
    """Return what ``torch.save`` wrote, on the CPU; objects of other packages' classes are :class:`StandIn`.

    Raises :class:`UserError`, which names the file as ``where`` and ends with ``advice``, when the file is damaged,
    names functions of Python or PyTorch, which could run any code, or could fill the memory although it is small: when
    it is compressed, as torch writes none, or when a tensor is larger than what is stored of it. Of a file that is
    missing it says that the path is wrong.
    """
    if isinstance(file, Path) and not file.is_file():
        raise UserError(f"{where} is no file; correct the path")
    try:
        with file.open("rb") if isinstance(file, Path) else nullcontext(file) as handle:
            size = handle.seek(0, io.SEEK_END)
            fault = _fault_of_zip(handle, size)
            content = None if fault else _unpickled(handle)
        fault = fault or next(_faults_of_tensors(content, size), None)
    except Exception as error:
        # The rest of torch's own message suggests weights_only=False, which would run whatever the file holds.
        asked = re.search(r"GLOBAL (\S+)", str(error))
        fault = (
            f"holds more than tensors: to load it is to call {asked[1]}, which was not done"
            if asked
            else f"is not a whole file of tensors ({type(error).__name__})"
        )
        raise UserError(f"{where} {fault}; {advice}") from error
    if fault:
        raise UserError(f"{where} {fault}; {advice}")
    return content


class _ShortPickle:
    """A file without zip, of which what is no tensor ends early."""

    def __init__(self, handle: IO[bytes]) -> None:
        self._handle, self._left = handle, LARGEST_PICKLE
        self.readinto, self.seek, self.tell = handle.readinto, handle.seek, handle.tell  # type: ignore[attr-defined]

    def read(self, size: int = -1) -> bytes:
        return self._counted(self._handle.read(size if 0 <= size < self._left else self._left + 1))

    def readline(self, size: int = -1) -> bytes:
        return self._counted(self._handle.readline(size if 0 <= size < self._left else self._left + 1))

    def _counted(self, content: bytes) -> bytes:
        self._left -= len(content)
        if self._left < 0 or content == SIZED:
            raise pickle.UnpicklingError("too long")
        return content


def _unpickled(handle: IO[bytes]) -> Any:
    stand_ins: dict[str, Callable[..., Any]] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of storages and pickle protocols, to the developers of torch
        while True:
            handle.seek(0)
            file: Any = handle if handle.read(4) == ZIP else _ShortPickle(handle)
            handle.seek(0)
            try:
                with torch.serialization.safe_globals([(value, name) for name, value in stand_ins.items()]):
                    return torch.load(file, map_location="cpu", weights_only=True)
            except Exception as error:
                asked = re.search(r"Unsupported global: GLOBAL (\S+)", str(error))
                name = _full_name(asked[1]) if asked else ""
                if not asked or name in stand_ins or not _may_stand_in(name) or len(stand_ins) == MOST_STAND_INS:
                    raise
                is_dict = name == "collections.defaultdict"
                stand_ins[name] = _without_default if is_dict else type(name, (StandIn,), {})


def _without_default(*arguments: Any) -> OrderedDict[Any, Any]:
    """Return what stands for a defaultdict."""
    return OrderedDict()


def _full_name(asked: str) -> str:
    """Return a name as the file has it; torch leaves out the ``builtins.`` of Python's own."""
    return asked if "." in asked else f"builtins.{asked}"


def _may_stand_in(name: str) -> bool:
    """Return whether this is a class of another package, or one of Python's that holds values."""
    package, _, inside = name.partition(".")
    return (package == "builtins" and inside in PLAIN_TYPES) or package not in REFUSED


def _fault_of_zip(handle: IO[bytes], size: int) -> str | None:
    """Return what is wrong with a zip archive, whose checksums torch does not look at; older files are none."""
    handle.seek(0)
    if handle.read(4) != ZIP:
        return None
    with zipfile.ZipFile(handle) as archive:
        parts = archive.infolist()
        if any(part.compress_type != zipfile.ZIP_STORED for part in parts):
            return "is compressed, as no file from torch.save is"
        if sum(part.file_size for part in parts) > size:
            return "holds parts that lie over each other, as in no file from torch.save"
        pickles = [part for part in parts if part.filename.endswith(".pkl")]
        if any(part.file_size > LARGEST_PICKLE for part in pickles):
            return f"has more than {LARGEST_PICKLE / 1e6:g} MB that are no tensors"
        if any(SIZED in archive.read(part) for part in pickles):
            return "holds a bytearray, which is none of a network's tensors"
        damaged = archive.testzip()
    return f"is damaged: {damaged} has another checksum" if damaged else None


def _faults_of_tensors(content: Any, size: int) -> Iterator[str]:
    """Yield what is wrong with tensors in a file of a ``size`` in bytes: few bytes can declare any size."""
    waiting, seen, stored = [content], set(), {}
    while waiting:
        value = waiting.pop()
        if id(value) in seen:
            continue
        seen.add(id(value))
        if isinstance(value, Tensor):
            if value.layout is not torch.strided or value.is_quantized or not value.is_cpu:
                yield f"holds a tensor that is {_kind(value)}, not one of plain numbers"
                return
            storage = value.untyped_storage()
            stored[storage.data_ptr()] = storage.nbytes()
            if value.numel() * value.element_size() > max(storage.nbytes(), LARGEST_EXPANDED):
                yield f"declares a tensor {list(value.shape)}, of which it holds a small part"
        elif isinstance(value, Mapping):
            waiting += [*value.keys(), *value.values()]
        elif isinstance(value, list | tuple | set):
            waiting += value
    if sum(stored.values()) > size:
        yield "declares larger tensors than it holds"


def is_plain(value: Any) -> bool:
    """Return whether a file of tensors keeps a value whole: tensors, and Python's own types of values."""
    if isinstance(value, Mapping):
        return all(is_plain(item) for pair in value.items() for item in pair)
    if type(value) in (list, tuple, set):
        return all(is_plain(item) for item in value)
    return (
        value is None
        or isinstance(value, Tensor | torch.Size)
        or type(value) in (bool, int, float, complex, str, bytes)
    )


def _kind(tensor: Tensor) -> str:
    if tensor.is_quantized:
        return "quantized"
    return str(tensor.layout).removeprefix("torch.") if tensor.is_cpu else f"on {tensor.device}"
