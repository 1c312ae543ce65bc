"""Which files a result depends on: a source file and all project files that it imports, at any depth.

The parts of a page that stand beside a module of the package, in HTML, CSS and JavaScript, count as imported by it.

One answer serves the rules, which rerun when one of these files changes, and partial results, which are not
used once one has changed. Imports are read off the syntax tree and resolved by importlib's own rules, so
every spelling counts: dotted, relative, inside a function. Nothing is executed. Not seen are module names that
a program computes (``importlib.import_module(name)``), as the scripts of studies do, whose rules add the digest of the
module; and the ``__all__`` behind ``import *``, which this project does not use.
"""

import ast
import importlib.util
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from feature_sensitivity.runtime.files import sha256_of_parts

PACKAGE = Path(__file__).resolve().parents[1]
MARKER = "CHANGES_NO_RESULT"
"""A module that sets this to True reports on a computation or stops it, and changes none of its numbers."""
CHANGES_NO_RESULT = True


def source_files(file: Path) -> list[Path]:
    """Return the files whose change may change a result of ``file``, itself included, sorted.

    Of :func:`code_closure`, those are left out that hold nothing but a docstring or set ``CHANGES_NO_RESULT = True``;
    what they import counts.
    """
    return sorted(path for path in code_closure(file) if path == file.resolve() or _changes_results(path))


def digest_of_code(file: Path) -> str:
    """Return the SHA-256 of all :func:`source_files` of ``file``, which a move of the whole project does not change."""
    return sha256_of_parts(path.read_bytes() for path in source_files(file))


def code_closure(file: Path) -> frozenset[Path]:
    """Return ``file`` and every file of this project that it imports, directly or through others."""
    root = file.resolve().parent
    found: set[Path] = set()
    waiting = [file.resolve()]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting += [] if _is_page_part(path) else _imported_files(path, root)
    return frozenset(found)


def _imported_files(file: Path, root: Path) -> set[Path]:
    names = _imported_names(file.read_bytes(), _package_of(file, root))
    parts = {path for path in file.parent.iterdir() if _is_page_part(path)} if file.is_relative_to(PACKAGE) else set()
    return {path for name in names if (path := _project_file(name, file, root))} | parts


def _is_page_part(file: Path) -> bool:
    return file.suffix in (".html", ".css", ".js")


# What is cached depends on its arguments alone: a file that is edited is read again.
@cache
def _imported_names(source: bytes, package: str) -> frozenset[str]:
    """Return the absolute name of every module that may be imported, its packages included."""
    names = {name for node in ast.walk(ast.parse(source)) for name in _names_in(node, package)}
    if package:
        names.add(package)
    # Importing a.b.c runs a/__init__.py and a/b/__init__.py first.
    parts_of_names = [name.split(".") for name in names]
    return frozenset(".".join(parts[:n]) for parts in parts_of_names for n in range(1, len(parts) + 1))


def _names_in(node: ast.AST, package: str) -> Iterator[str]:
    """Yield what one statement names; in ``from a import b``, the module may be ``a`` or ``a.b``."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        relative = "." * node.level + (node.module or "")
        try:
            base = importlib.util.resolve_name(relative, package) if node.level else relative
        except ImportError:
            if node.level > 1:  # from outside of the package: importing says so
                return
            base = node.module or ""  # the folder of the user's file is a package itself
        yield from (f"{base}.{alias.name}".removeprefix(".") for alias in node.names)
        if base:
            yield base


def _project_file(name: str, importer: Path, root: Path) -> Path | None:
    """Return the file of a module of the package, or of one in the folder of the script; None for any other name."""
    first, *rest = name.split(".")
    if first == PACKAGE.name:
        path = PACKAGE.joinpath(*rest)
    elif importer.is_relative_to(PACKAGE):
        return None
    else:
        path = root.joinpath(first, *rest)
    return next((file for file in (path / "__init__.py", path.with_suffix(".py")) if file.is_file()), None)


def _package_of(file: Path, root: Path) -> str:
    """Return the package relative to which ``file`` imports; a script in ``root`` belongs to none."""
    if not file.is_relative_to(PACKAGE):
        return ".".join(file.parent.relative_to(root).parts)
    return ".".join([PACKAGE.name, *file.parent.relative_to(PACKAGE).parts])


def _changes_results(file: Path) -> bool:
    return _is_page_part(file) or _code_changes_results(file.read_bytes())


@cache
def _code_changes_results(source: bytes) -> bool:
    body = ast.parse(source).body
    if all(isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) for node in body):
        return False
    return not any(
        isinstance(node, ast.Assign)
        and [ast.unparse(target) for target in node.targets] == [MARKER]
        and ast.unparse(node.value) == "True"
        for node in body
    )
