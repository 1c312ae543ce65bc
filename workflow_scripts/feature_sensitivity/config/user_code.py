"""An architecture that is the user's own code, ``path/file.py:function``, as far as it shows without running it."""

import ast
import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from feature_sensitivity.runtime.code_closure import source_files
from feature_sensitivity.runtime.files import sha256_of_parts

LIBRARIES = ("torchvision", "timm", "robustbench")
"""Where architectures ``library:NAME`` come from that run none of the user's code."""


CONFIGURED: dict[str, Mapping[str, Any]] = {}
"""By the path of a checkpoint, the architecture that the configuration gives it: the word by which its code is run."""


def is_users_code(name: str) -> bool:
    """Return whether an architecture is a function, in a file or in a package that the user has installed."""
    return ":" in name and name.partition(":")[0] not in LIBRARIES


def file_of(name: str) -> Path | None:
    """Return the file of an architecture ``path/file.py:function``; None for any other."""
    place, colon, _ = name.rpartition(":")
    return Path(place) if colon and place.endswith(".py") else None


def code_files(name: str) -> list[Path]:
    """Return the file of ``path/file.py:function`` and those beside it that it imports; nothing for another name.

    A file that cannot be parsed stands for itself.
    """
    file = file_of(name)
    if file is None or not file.is_file():
        return []
    try:
        return source_files(file)
    except SyntaxError:
        return [file]


def sha256_of_code(name: str) -> str | None:
    """Return the SHA-256 of the user's files on which an architecture rests; None where there are none."""
    files = code_files(name)
    return sha256_of_parts(file.read_bytes() for file in files) if files else None


def function_faults(name: str) -> list[str]:
    """Return what is wrong with ``path/file.py:function`` as far as it shows without running the file."""
    file, function = file_of(name), name.rpartition(":")[2]
    if file is None:
        return []
    if not file.is_file():
        return [f"{str(file)!r} is no file seen from this folder; correct the path"]
    try:
        body = ast.parse(file.read_bytes()).body
    except SyntaxError as error:
        return [f"{file} is not valid Python ({error.msg}, line {error.lineno}); correct it"]
    names: set[str] = set()
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {target.id for target in node.targets if isinstance(target, ast.Name)}
        elif isinstance(node, ast.ImportFrom | ast.Import):
            names |= {alias.asname or alias.name.partition(".")[0] for alias in node.names}
        elif not isinstance(node, ast.Expr):
            return []  # a name may be made in a branch
    return [] if function in names or "*" in names else [no_such_function(str(file), function, sorted(names))]


def no_such_function(place: str, function: str, known: Sequence[str]) -> str:
    """Return the sentence for a function that a file or module does not have."""
    near = difflib.get_close_matches(function, known, n=3) or known[:6]
    return f"{place} has no function {function!r}; write one of {', '.join(near)}" if known else f"{place} is empty"
