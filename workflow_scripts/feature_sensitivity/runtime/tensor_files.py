"""Files of tensors: read without running code that they hold, written whole or not at all."""

import io
import re
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

    Raises :class:`UserError`, which names the file as ``where`` and ends with ``advice``, when the file is damaged or
    holds objects of other classes, which could run any code.
    """
    try:
        return torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:
        # The rest of torch's own message suggests weights_only=False, which would run whatever the file holds.
        asked = re.search(r"GLOBAL (\S+)", str(error))
        reason = (
            f"holds more than tensors: to load it is to call {asked[1]}, which was not done"
            if asked
            else f"is not a whole file of tensors ({type(error).__name__})"
        )
        raise UserError(f"{where} {reason}; {advice}") from error
