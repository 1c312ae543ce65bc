"""What a result was made from: settings, and content hashes of its inputs, which its file records and readers require.

It goes by content, never by path: a file of the same name from another run, other weights or other images is refused.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.runtime.hdf5_files import UnsafeError, open_hdf5

CHANGES_NO_RESULT = True

AGAIN = "run the same command again"
ADVICE = f"delete it and {AGAIN}"

CONTENT = "content_sha256"
"""The name under which a file records the hash of its own content."""

EVALUATION = "evaluation_sha256"
"""The name under which a file records the identity of the test images on which it was measured."""

MOST_SHOWN = 3
"""Differences that a message names."""


def require_identity(path: Path, found: Any, expected: Mapping[str, Any]) -> None:
    """Raise :class:`UserError` unless a file records all that is expected of it; the message names what differs.

    ``found``: the attributes, metadata or settings in the file. Mappings are compared entry by entry, and only those
    entries that are expected.
    """
    other = list(_differences(found, expected))
    if other:
        more = f" and {len(other) - MOST_SHOWN} more" if len(other) > MOST_SHOWN else ""
        raise UserError(
            f"{path} is not the one that this run describes: {', '.join(other[:MOST_SHOWN])}{more}; {ADVICE}"
        )


def require_content(path: Path, recorded: Any, computed: str | bytes) -> None:
    """Raise :class:`UserError` unless the content of a file has the digest that was recorded when it was written."""
    if recorded != computed:
        raise UserError(f"{path} is not as it was written, since its content has another checksum; {ADVICE}")


def companion(table: Path) -> Path:
    """Return the file beside a table that records what it was made from, for which a table has no room."""
    return table.with_name(f"{table.name}.json")


def recorded_in(path: Path) -> dict[str, Any]:
    """Return what a result in HDF5, or a table by its companion, records; raise :class:`UserError` if it cannot."""
    try:
        if path.suffix == ".h5":
            with open_hdf5(path) as file:
                # A dataset has an identity for each of its splits.
                splits = [str(group.attrs["identity"]) for group in file.values() if "identity" in group.attrs]
                return {CONTENT: ", ".join(splits), **file.attrs}
        return dict(json.loads(companion(path).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, UnsafeError) as error:
        raise UserError(f"{path} does not record what it was made from ({error}); {ADVICE}") from error


def content_hashes(paths: Iterable[Path]) -> dict[str, str]:
    """Return the recorded content hash of each result, by its name and that of its folder.

    Raises :class:`UserError` when they were measured on different images.
    """
    found = {path: recorded_in(path) for path in paths}
    require_same_images(found)
    return {f"{path.parent.name}/{path.name}": str(recorded.get(CONTENT)) for path, recorded in found.items()}


class Inputs(Protocol):
    """Result files of one kind, by key, and the settings and networks that a table derived from them must record."""

    @property
    def paths(self) -> Mapping[Any, Path]:
        """The files."""

    def identity(self) -> dict[str, dict[str, Any]]:
        """Return the settings, by the name of the kind, and the hashes of the networks under ``checkpoints``."""


def derived_from(*inputs: Inputs, tables: Iterable[Path] = ()) -> dict[str, Any]:
    """Return what a table must record that is derived from result files, and from other ``tables``.

    These are the settings of each kind of files, the hashes of the networks, and the hash of every file.
    Raises :class:`UserError` when they were measured on different images.
    """
    whole: dict[str, Any] = {}
    for kind in inputs:
        for key, value in kind.identity().items():
            whole[key] = {**whole.get(key, {}), **value}
    paths = [path for kind in inputs for path in kind.paths.values()]
    return {**whole, "files": content_hashes([*paths, *tables])}


def require_same_images(recorded: Mapping[Path, Mapping[str, Any]]) -> None:
    """Raise :class:`UserError` when results, by what they record, were measured on images of different datasets."""
    measured = {path: attributes[EVALUATION] for path, attributes in recorded.items() if EVALUATION in attributes}
    for path, images in measured.items():
        first = next(iter(measured))
        if images != measured[first]:
            raise UserError(f"{path} and {first} were measured on different images; delete both and {AGAIN}")


def _differences(found: Any, expected: Mapping[str, Any], above: str = "") -> Iterator[str]:
    for key, value in expected.items():
        name, missing = f"{above}{key}", not isinstance(found, Mapping) or key not in found
        if not missing and isinstance(value, Mapping):
            yield from _differences(found[key], value, f"{name}.")
        elif missing:
            yield f"{name} is not given"
        elif not _same(found[key], value):
            yield f"{name} is {_shown(found[key])}, expected {_shown(value)}"


def _same(found: Any, value: Any) -> bool:
    """Return whether two values are the same once stored: a tuple as a list, True as 1."""
    if isinstance(value, str) or value is None or isinstance(found, str) or found is None:
        return bool(found is value or found == value)
    if isinstance(value, Mapping | list | tuple) and not isinstance(found, np.ndarray):
        return json.dumps(found, default=str) == json.dumps(value, default=str)
    return bool(np.array_equal(np.atleast_1d(found), np.atleast_1d(value)))


def _shown(value: Any) -> str:
    text = ", ".join(map(str, value)) if isinstance(value, list | tuple | np.ndarray) else str(value)
    return text if len(text) <= 100 else f"{text[:97]}..."
