"""Which files a result depends on: a source file and all project files that it imports, at any depth.

One answer serves the rules, which rerun when one of these files changes, and side checkpoints, which are not
used once one has changed. Imports are read off the syntax tree and resolved by importlib's own rules, so
every spelling counts: dotted, relative, inside a function. Nothing is executed.
"""

import ast
import importlib.util
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).parents[1]
MARKER = "CHANGES_NO_RESULT"
"""A module that sets this to True reports on a computation or stops it, and changes none of its numbers."""


def source_files(file: Path) -> list[Path]:
    """Return the files whose change may change a result of ``file``, itself included, sorted.

    Of :func:`code_closure`, those are left out that hold nothing but a docstring or set ``CHANGES_NO_RESULT = True``;
    what they import counts.
    """
    return sorted(path for path in code_closure(file) if path == file.resolve() or _changes_results(path))


def code_closure(file: Path) -> frozenset[Path]:
    """Return ``file`` and every file of this project that it imports, directly or through others."""
    found: set[Path] = set()
    waiting = [file.resolve()]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting += _imported_files(path)
    return frozenset(found)


@cache
def _imported_files(file: Path) -> frozenset[Path]:
    names = {name for node in ast.walk(_syntax_tree(file)) for name in _imported_names(node, _package_of(file))}
    # Importing a.b.c runs a/__init__.py and a/b/__init__.py first.
    parents = {".".join(parts[:n]) for parts in (name.split(".") for name in names) for n in range(1, len(parts) + 1)}
    return frozenset(path for name in parents if (path := _project_file(name)))


def _imported_names(node: ast.AST, package: str) -> Iterator[str]:
    """Yield every absolute name that may be a module; ``from a import b`` may mean the module ``a.b``."""
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        relative = "." * node.level + (node.module or "")
        base = importlib.util.resolve_name(relative, package) if node.level else relative
        yield base
        yield from (f"{base}.{alias.name}" for alias in node.names)


def _project_file(name: str) -> Path | None:
    """Return the file of a module of this package; None for other modules and for names that are no module."""
    first, *rest = name.split(".")
    if first != PACKAGE.name:
        return None
    path = PACKAGE.joinpath(*rest)
    return next((file for file in (path / "__init__.py", path.with_suffix(".py")) if file.is_file()), None)


def _package_of(file: Path) -> str:
    """Return the package relative to which ``file`` imports; a script belongs to none."""
    if not file.is_relative_to(PACKAGE):
        return ""
    return ".".join([PACKAGE.name, *file.parent.relative_to(PACKAGE).parts])


@cache
def _changes_results(file: Path) -> bool:
    body = _syntax_tree(file).body
    if all(isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) for node in body):
        return False
    return not any(
        isinstance(node, ast.Assign)
        and [ast.unparse(target) for target in node.targets] == [MARKER]
        and ast.unparse(node.value) == "True"
        for node in body
    )


def _syntax_tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"), str(file))
