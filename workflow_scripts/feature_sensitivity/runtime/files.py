"""Files that are written whole or not at all, and their checksums."""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

CHANGES_NO_RESULT = True


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside ``path``, which replaces ``path`` when the block ends without an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        with temporary.open("rb+") as handle:
            os.fsync(handle.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_whole(path: Path, content: bytes) -> None:
    """Write ``content``, whole or not at all.

    torch and HDF5 write into memory first and their bytes come here: when the disk is full, this raises an OSError,
    whereas torch and HDF5 themselves raise other errors or crash.
    """
    with whole_file(path) as temporary:
        temporary.write_bytes(content)


def sha256_of_file(path: Path) -> str:
    """Return the file's SHA-256 in hexadecimal."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def sha256_of_parts(parts: Iterable[bytes]) -> str:
    """Return the SHA-256, in hexadecimal, of the parts one after another."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(part)
    return digest.hexdigest()


def sha256_of_settings(settings: Mapping[str, Any]) -> str:
    """Return a key for settings of plain builtins: equal settings have equal keys, in any order."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()
