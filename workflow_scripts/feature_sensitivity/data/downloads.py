"""A large archive over a poor connection: resumed where it broke off, checked, and kept only when whole."""

import gzip
import hashlib
import os
import re
import tarfile
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import requests
import urllib3

from feature_sensitivity.runtime.console import Progress, logger
from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.runtime.files import sha256_of_file, whole_file

ARCHIVE = "datasets.tar"

CHUNK = 1 << 16  # bytes; as much as a stall can lose

NOT_A_WHOLE_TAR = (tarfile.TarError, EOFError, gzip.BadGzipFile, zlib.error)

WORTH_ANOTHER_TRY = frozenset({408, 429, 500, 502, 503, 504})

OTHER_WAYS = (
    "name a local copy with the dataset's config key path, or train the model on a dataset with source: construction, "
    "such as robust_construction, which is made here"
)


class _UnusableError(Exception):
    """An address does not give the archive, and asking it again would not help."""


@dataclass(frozen=True)
class _Required:
    """The SHA-256 that the archive must have, and who says so."""

    sha256: str
    origin: str


def fetch_archive(
    *,
    urls: Sequence[str],
    expected_sha256: str | None,
    folder: Path,
    stall_seconds: float = 60.0,
    tries: int = 5,
    pause_seconds: float = 5.0,
) -> Path:
    """Download the archive to ``folder/datasets.tar``, unless it is there, and check it.

    What an interrupted download brought stays in ``folder/datasets.tar.*.part``, and the next one
    goes on from there if the file on the server is still the same.

    Args:
        urls: the main address, then mirrors, asked in this order.
        expected_sha256: in hexadecimal; None when unknown: then the one of the first download is
            recorded in ``folder/datasets.tar.sha256`` and required from then on.
        folder: made if it does not exist.
        stall_seconds: a silence this long counts as a broken connection.
        tries: how many times in a row a connection may break without bringing anything new.
        pause_seconds: the wait before another try.

    Raises:
        UserError: no address gave the archive, or the one in ``folder`` is not the required one.
    """
    archive, record = folder / ARCHIVE, folder / f"{ARCHIVE}.sha256"
    folder.mkdir(parents=True, exist_ok=True)
    required = _required(expected_sha256, record)
    if not archive.exists():
        _download_from_any(
            urls, archive, required, stall_seconds=stall_seconds, tries=tries, pause_seconds=pause_seconds
        )
    elif fault := _fault(archive, required):
        raise UserError(f"{archive} {fault}; delete it to download it again, or {OTHER_WAYS}")
    if required is None:
        _record_sha256(archive, record)
    return archive


def _required(expected_sha256: str | None, record: Path) -> _Required | None:
    if expected_sha256 is not None:
        return _Required(expected_sha256.lower(), "sha256 in the config")
    if record.exists():
        return _Required(record.read_text().partition(" ")[0], str(record))
    return None


def _record_sha256(archive: Path, record: Path) -> None:
    sha256 = sha256_of_file(archive)
    with whole_file(record) as temporary:
        temporary.write_text(f"{sha256}  {archive.name}\n")  # as `sha256sum --check` reads it
    logger.info(
        "%s has the SHA-256 %s; it is recorded in %s and required from now on, because the config gives none",
        archive,
        sha256,
        record,
    )


def _fault(archive: Path, required: _Required | None) -> str | None:
    """What is wrong with a file that should be the archive, if anything."""
    try:
        with tarfile.open(archive) as tar:
            n_members = sum(1 for _ in tar)  # a walk over all headers finds a truncation
    except NOT_A_WHOLE_TAR:
        return "is not a whole tar archive"
    if n_members == 0:
        return "is an empty tar archive"
    if required and (sha256 := sha256_of_file(archive)) != required.sha256:
        return (
            f"has the SHA-256 {sha256}, but {required.origin} says {required.sha256} "
            "(change that only if you trust this file)"
        )
    return None


def _download_from_any(
    urls: Sequence[str],
    archive: Path,
    required: _Required | None,
    *,
    stall_seconds: float,
    tries: int,
    pause_seconds: float,
) -> None:
    """Put the archive of the first address that has a good one at ``archive``."""
    failures = []
    for url in urls:
        try:
            part = _download(url, archive, stall_seconds=stall_seconds, tries=tries, pause_seconds=pause_seconds)
            if fault := _fault(part, required):
                part.unlink()
                raise _UnusableError(f"the file {fault}")
        except _UnusableError as error:
            logger.warning("%s: %s", url, error)
            failures.append(f"{url}: {error}")
        else:
            part.replace(archive)
            return
    raise UserError(
        f"{archive} could not be downloaded ({'; '.join(failures) or 'urls in the config is empty'}); "
        f"run the same command again later, add a mirror to urls in the config, {OTHER_WAYS}"
    )


def _download(url: str, archive: Path, *, stall_seconds: float, tries: int, pause_seconds: float) -> Path:
    """The part file, with all that the address has to send."""
    most, n_broken = 0, 0
    while True:
        try:
            return _transfer(url, archive, stall_seconds)
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            if isinstance(error, ValueError):  # not an address at all
                raise _UnusableError(str(error)) from error
            size = _size(_part(archive))
            n_broken = 1 if size > most else n_broken + 1
            most = max(most, size)
            if n_broken >= tries:
                raise _UnusableError(
                    f"the connection broke {n_broken} times in a row ({_reason(error)}) with {size} bytes on disk"
                ) from error
            logger.info("%s: the connection broke (%s); going on from %d bytes", url, _reason(error), size)
            time.sleep(pause_seconds)


def _transfer(url: str, archive: Path, stall_seconds: float) -> Path:
    """Over one connection, complete the part on disk or write a new one."""
    old = _part(archive)
    # One byte of the part is asked for again, since a server refuses a range that starts at the end of the file.
    start = max(_size(old) - 1, 0)
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
    with requests.get(url, headers=headers, stream=True, timeout=stall_seconds) as response:
        first, total = _range(response)
        part = archive.with_name(f"{archive.name}.{_version(response, total)}.part")
        if first == 0 or (first == start and part == old):
            if old and old != part:
                old.unlink()
            _receive(response, part, first, total)
            return part
    logger.info("%s: the file there is not the one that %s is a part of; starting over", url, old)
    if old:
        old.unlink()
    return _transfer(url, archive, stall_seconds)


def _part(archive: Path) -> Path | None:
    return next(archive.parent.glob(f"{archive.name}.*.part"), None)


def _size(part: Path | None) -> int:
    return part.stat().st_size if part else 0


def _range(response: requests.Response) -> tuple[int | None, int | None]:
    """The first byte that the server sends, and the size of the whole file; None where it tells neither."""
    status, headers = response.status_code, response.headers
    if status == 416:  # the file there ends before the part on disk does
        return None, None
    if status in WORTH_ANOTHER_TRY:
        response.raise_for_status()
    if status not in (200, 206):
        raise _UnusableError(f"the server answers {status} {response.reason}")
    if headers.get("Content-Type", "").startswith("text/html"):
        raise _UnusableError("the server sends a web page (HTML) instead of the archive")
    if status == 200:
        return 0, int(headers["Content-Length"]) if "Content-Length" in headers else None
    match = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", headers.get("Content-Range", ""))
    return (int(match[1]), int(match[2])) if match else (None, None)


def _version(response: requests.Response, total: int | None) -> str:
    """A name for the file's content: it tells a later run whether the part on disk belongs to it."""
    validator = response.headers.get("ETag") or response.headers.get("Last-Modified")
    return hashlib.sha256(f"{total} {validator}".encode()).hexdigest()[:16]


def _receive(response: requests.Response, part: Path, first: int, total: int | None) -> None:
    """Write the answer to ``part`` from byte ``first`` on."""
    with (
        part.open("r+b" if first else "wb") as file,
        Progress("download", total=total or 0, unit="B", done=first) as progress,
    ):
        file.seek(first)
        file.truncate()
        for chunk in response.raw.stream(CHUNK, decode_content=False):
            file.write(chunk)
            progress.advance(len(chunk))
        file.flush()
        os.fsync(file.fileno())
        size = file.tell()
    if total is not None and size != total:
        raise requests.ConnectionError(f"{size} bytes came of {total} promised")


def _reason(error: BaseException) -> str:
    """The innermost cause, such as ``[Errno 111] Connection refused``, rather than the pile on top of it."""
    while error.__context__:
        error = error.__context__
    return str(error) or type(error).__name__
