"""An archive from the first of several addresses that gives it, checked, and kept only when whole."""

import logging
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from feature_sensitivity.data.archives import NOT_A_WHOLE_TAR, TooLargeError, members
from feature_sensitivity.data.resumable_download import MOST_BYTES, UnusableError, download
from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.runtime.files import sha256_of_file, whole_file

logger = logging.getLogger(__name__)

ARCHIVE = "datasets.tar"

OTHER_WAYS = (
    "name a local copy with the dataset's config key path, or train the model on a dataset with source: construction, "
    "such as robust_construction, which this run constructs"
)


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
    continues from there if the file on the server is still the same.

    Args:
        urls: the main address, then mirrors, asked in this order.
        expected_sha256: in hexadecimal; None when unknown: then the one of the first download is
            recorded in ``folder/datasets.tar.sha256`` and required afterwards.
        folder: created if it does not exist.
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
    """Return what is wrong with a file that should be the archive, if anything."""
    try:
        with tarfile.open(archive) as tar:
            # A walk over all headers finds a truncation.
            n_members = sum(1 for _ in members(tar, most_bytes=MOST_BYTES))
    except TooLargeError as error:
        return str(error)
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
    """Put the archive of the first address that gives a good one at ``archive``."""
    failures = []
    for url in urls:
        try:
            part = download(url, archive, stall_seconds=stall_seconds, tries=tries, pause_seconds=pause_seconds)
            if fault := _fault(part, required):
                part.unlink()
                raise UnusableError(f"the file {fault}")
        except UnusableError as error:
            logger.warning("%s: %s", url, error)
            failures.append(f"{url}: {error}")
        else:
            part.replace(archive)
            return
    raise UserError(
        f"{archive} could not be downloaded ({'; '.join(failures) or 'urls in the config is empty'}); "
        f"run the same command again later, add a mirror to urls in the config, {OTHER_WAYS}"
    )
