"""What is said when a library that a network comes from, or a network of it, is not there."""

import difflib
import sys
from collections.abc import Sequence

from feature_sensitivity.runtime.errors import UserError


def near_names(name: str, known: Sequence[str]) -> str:
    """Return an advice with the names that are most like this one."""
    near = difflib.get_close_matches(name, known, n=3)
    return f"write {' or '.join(near)}" if near else f"it has {len(known)} others, such as {known[0]}"


def not_installed(package: str) -> UserError:
    """Return the error that says how to install a package."""
    return UserError(f"this network needs the package {package}; type {sys.executable} -m pip install {package}")
