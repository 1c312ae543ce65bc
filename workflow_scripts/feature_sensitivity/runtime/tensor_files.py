"""Files of tensors: read without running code that they hold, written whole or not at all."""

import io
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import torch

from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.runtime.files import write_whole


def save_tensors(path: Path, content: Mapping[str, Any]) -> None:
    """Write tensors and plain builtins."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    write_whole(path, buffer.getvalue())


def load_tensors(file: Path | IO[bytes], *, where: str, advice: str) -> Any:
    """Return what ``torch.save`` wrote, on the CPU.

    Raises :class:`UserError`, which names the file as ``where`` and ends with ``advice``, when the file is damaged,
    holds objects of other classes, which could run any code, or is compressed, as torch writes none: a small file
    could fill the memory. Of a file that is missing it says that the path is wrong.
    """
    if isinstance(file, Path) and not file.is_file():
        raise UserError(f"{where} is no file; correct the path")
    try:
        if fault := _fault_of_zip(file):
            raise UserError(f"{where} {fault}; {advice}")
        return torch.load(file, map_location="cpu", weights_only=True)
    except UserError:
        raise
    except Exception as error:
        # The rest of torch's own message suggests weights_only=False, which would run whatever the file holds.
        asked = re.search(r"GLOBAL (\S+)", str(error))
        reason = (
            f"holds more than tensors: to load it is to call {asked[1]}, which was not done"
            if asked
            else f"is not a whole file of tensors ({type(error).__name__})"
        )
        raise UserError(f"{where} {reason}; {advice}") from error


def _fault_of_zip(file: Path | IO[bytes]) -> str | None:
    """Return what is wrong with a zip archive, whose checksums torch does not look at; older files are none."""
    handle = file.open("rb") if isinstance(file, Path) else file
    try:
        if handle.read(4) != b"PK\x03\x04":
            return None
        with zipfile.ZipFile(handle) as archive:
            if any(part.compress_type != zipfile.ZIP_STORED for part in archive.infolist()):
                return "is compressed, as no file from torch.save is"
            damaged = archive.testzip()
        return f"is damaged: {damaged} has another checksum" if damaged else None
    finally:
        handle.seek(0)
        if handle is not file:
            handle.close()
