"""Whether an earlier run in this folder is still at work, however it ended: the kernel knows.

Each run and each of its jobs holds a file as long as it lives; a process that is killed lets go of it.
"""

import fcntl
import platform
from pathlib import Path
from typing import IO

CHANGES_NO_RESULT = True

_held: list[IO[str]] = []
"""Open until this process ends."""


def hold(path: Path) -> bool:
    """Hold a file until this process ends; return whether what last signed it is gone, with all that held it.

    Only a process of this machine can be known to be gone. Where the file system has no locks, nothing is known.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("a+")
    _held.append(file)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        is_alone = True
    except BlockingIOError:
        is_alone = False
    except OSError:
        return False
    file.seek(0)
    is_of_this_machine = file.read() == platform.node()
    fcntl.flock(file, fcntl.LOCK_SH)
    return is_alone and is_of_this_machine


def sign(path: Path) -> None:
    """Write the name of this machine into the file: from now on what holds it is of this run."""
    path.write_text(platform.node())
