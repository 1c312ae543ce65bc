"""One address, one file: a transfer over a poor connection is resumed where it broke off."""

import hashlib
import logging
import os
import re
import time
from pathlib import Path

import requests
import urllib3

from feature_sensitivity.runtime.console import Progress

logger = logging.getLogger(__name__)

CHUNK = 1 << 16  # bytes; as much as a stall can lose

NUMBER = r"\d{1,15}"

MOST_BYTES = 8_000_000_000
"""Nothing longer is downloaded; the published archive has about 2.5 GB."""

WORTH_ANOTHER_TRY = frozenset({408, 429, 500, 502, 503, 504})


class UnusableError(Exception):
    """An address does not give the file, and asking it again would not help."""


def download(url: str, archive: Path, *, stall_seconds: float, tries: int, pause_seconds: float) -> Path:
    """Return a part file beside ``archive`` that holds all that the address sends.

    An earlier part is completed if the file on the server is still the same.

    Args:
        url: the address.
        archive: what the file will be called once it has been checked; parts are named ``{archive}.*.part``.
        stall_seconds: a silence this long counts as a broken connection.
        tries: how many times in a row a connection may break without bringing anything new.
        pause_seconds: the wait before another try.

    Raises:
        UnusableError: the address does not give the file.
    """
    most, n_broken = 0, 0
    while True:
        try:
            return _transfer(url, archive, stall_seconds)
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            if isinstance(error, ValueError):  # not an address at all
                raise UnusableError(str(error)) from error
            size = _size(_part(archive))
            n_broken = 1 if size > most else n_broken + 1
            most = max(most, size)
            if n_broken >= tries:
                raise UnusableError(
                    f"the connection broke {n_broken} times in a row ({_reason(error)}) with {size} bytes on disk"
                ) from error
            logger.info("%s: the connection broke (%s); resuming from %d bytes", url, _reason(error), size)
            time.sleep(pause_seconds)


def _transfer(url: str, archive: Path, stall_seconds: float) -> Path:
    """Complete the part on disk or write a new one, over one connection."""
    old = _part(archive)
    # One byte of the part is asked for again, since a server refuses a range that starts at the end of the file.
    start = max(_size(old) - 1, 0)
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
    with requests.get(url, headers=headers, stream=True, timeout=stall_seconds) as response:
        first, total = _range(response)
        _check_size(total or 0)
        part = archive.with_name(f"{archive.name}.{_version(response, total)}.part")
        if first == 0 or (first == start and part == old):
            if old and old != part:
                old.unlink()
            _receive(response, part, first, total)
            return part
    if not start:
        raise UnusableError(
            f"the server answers {response.status_code} with a part of the file, although all of it was asked for"
        )
    logger.info("%s: the file there is not the one that %s is a part of; starting over", url, old)
    if old:
        old.unlink()
    return _transfer(url, archive, stall_seconds)


def _part(archive: Path) -> Path | None:
    return next(archive.parent.glob(f"{archive.name}.*.part"), None)


def _size(part: Path | None) -> int:
    return part.stat().st_size if part else 0


def _range(response: requests.Response) -> tuple[int | None, int | None]:
    """Return the first byte that the server sends, and the size of the whole file; None where it says neither."""
    status, headers = response.status_code, response.headers
    if status == 416:  # the file there ends before the part on disk does
        return None, None
    if status in WORTH_ANOTHER_TRY:
        response.raise_for_status()
    if status not in (200, 206):
        raise UnusableError(f"the server answers {status} {response.reason}")
    if headers.get("Content-Type", "").startswith("text/html"):
        raise UnusableError("the server sends a web page (HTML) instead of the archive")
    if status == 200:
        length = headers.get("Content-Length", "")
        return 0, int(length) if re.fullmatch(NUMBER, length) else None
    match = re.fullmatch(rf"bytes ({NUMBER})-{NUMBER}/({NUMBER})", headers.get("Content-Range", ""))
    return (int(match[1]), int(match[2])) if match else (None, None)


def _check_size(size: int) -> None:
    if size > MOST_BYTES:
        raise UnusableError(f"the file has more than {MOST_BYTES / 1e9:g} GB, far more than the dataset")


def _version(response: requests.Response, total: int | None) -> str:
    """Return a name for the file's content, by which a later run knows whether the part on disk belongs to it."""
    validator = response.headers.get("ETag") or response.headers.get("Last-Modified")
    return hashlib.sha256(f"{total} {validator}".encode()).hexdigest()[:16]


def _receive(response: requests.Response, part: Path, first: int, total: int | None) -> None:
    """Write the answer to ``part``, from byte ``first``."""
    with (
        part.open("r+b" if first else "wb") as file,
        Progress("download", total=total or 0, unit="B", done=first) as progress,
    ):
        file.seek(first)
        file.truncate()
        for chunk in response.raw.stream(CHUNK, decode_content=False):
            file.write(chunk)
            progress.advance(len(chunk))
            if file.tell() > MOST_BYTES:
                part.unlink()
            _check_size(file.tell())
        file.flush()
        os.fsync(file.fileno())
        size = file.tell()
    if total is not None and size != total:
        raise requests.ConnectionError(f"{size} bytes came of {total} promised")


def _reason(error: BaseException) -> str:
    """Return the innermost cause, such as ``[Errno 111] Connection refused``, rather than the pile on top of it."""
    while error.__context__:
        error = error.__context__
    return str(error) or type(error).__name__
