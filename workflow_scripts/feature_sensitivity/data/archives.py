"""Tar archives from elsewhere: what damage raises, and no more unpacked than such an archive can hold."""

import gzip
import lzma
import tarfile
import zlib
from collections.abc import Iterator

CHANGES_NO_RESULT = True

NOT_A_WHOLE_TAR = (tarfile.TarError, EOFError, gzip.BadGzipFile, zlib.error, lzma.LZMAError)


class TooLargeError(Exception):
    """An archive unpacks to more than it can, in words that follow its path."""


def members(archive: tarfile.TarFile, *, most_bytes: int) -> Iterator[tarfile.TarInfo]:
    """Yield the members of an archive; raise :class:`TooLargeError` before more than ``most_bytes`` are unpacked.

    The size of a member stands in front of it, so nothing of one that is too large is read.
    """
    unpacked = 0
    for member in archive:
        unpacked += member.size
        if unpacked > most_bytes:
            raise TooLargeError(f"unpacks to more than {most_bytes / 1e9:g} GB, far more than the dataset holds")
        yield member
