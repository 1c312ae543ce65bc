"""What a long job saves beside its outputs, so that the same command continues after an interruption.

A partial result carries a key made of everything that its content depends on. One with another
key, or a damaged one, is set aside with a message and never used.
"""

import hashlib
import io
import logging
import zipfile
from collections.abc import Mapping
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from feature_sensitivity.runtime.code_closure import digest_of_code
from feature_sensitivity.runtime.files import sha256_of_settings
from feature_sensitivity.runtime.tensor_files import save_tensors

logger = logging.getLogger(__name__)


def partial_result_key(*parts: Any, code: Path) -> str:
    """Return a key for settings, arrays, torch and the source of the module ``code`` with all that it imports."""
    digest = hashlib.sha256(torch.__version__.encode())
    for part in parts:
        if isinstance(part, np.ndarray | torch.Tensor):
            digest.update(np.ascontiguousarray(part).tobytes())
        else:
            settings = asdict(part) if is_dataclass(part) and not isinstance(part, type) else part
            digest.update(sha256_of_settings({"": settings}).encode())
    digest.update(digest_of_code(code).encode())
    return digest.hexdigest()


def save_partial_result(path: Path, key: str, content: Mapping[str, Any]) -> None:
    """Write tensors and plain builtins, whole or not at all."""
    save_tensors(path, {"key": key, **content})


def load_partial_result(path: Path, key: str) -> dict[str, Any] | None:
    """Return the content of an undamaged partial result with this key, else None."""
    if not path.exists():
        return None
    written = io.BytesIO(path.read_bytes())  # a disk that fails at the moment says so, and the file stays
    try:
        with zipfile.ZipFile(written) as archive:
            damaged = archive.testzip() is not None
        written.seek(0)
        content: Any = {} if damaged else torch.load(written, map_location="cpu", weights_only=True)
    except MemoryError:
        raise
    except Exception:  # whatever a damaged file makes the readers raise
        damaged, content = True, {}
    if isinstance(content, dict) and content.get("key") == key:
        return content
    aside = path.with_name(f"{path.name}.{'damaged' if damaged else 'other'}")
    path.replace(aside)
    reason = "is damaged" if damaged else "belongs to other settings, data or code"
    logger.warning("%s %s; set aside as %s, starting again", path, reason, aside.name)
    return None
