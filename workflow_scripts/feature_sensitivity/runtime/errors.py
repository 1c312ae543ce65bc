"""The error that a user can correct."""

CHANGES_NO_RESULT = True


class UserError(Exception):
    """A mistake of the user, in one sentence: what is wrong, where, and what to do."""

    def __init__(self, sentence: object) -> None:
        super().__init__(printable(sentence))


def printable(text: object) -> str:
    """Return a text that any terminal and file takes: bytes of a file's name that are no UTF-8 as ``\\udcff``."""
    return str(text).encode("utf-8", "backslashreplace").decode()
