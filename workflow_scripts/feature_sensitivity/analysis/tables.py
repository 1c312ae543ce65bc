"""Tables as CSV files; beside one that is a result stands what it was made from."""

import json
from collections.abc import Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.runtime.files import sha256_of_parts, write_whole
from feature_sensitivity.runtime.identity import (
    ADVICE,
    CONTENT,
    companion,
    recorded_in,
    require_content,
    require_identity,
)


def read_table(
    path: Path,
    *,
    texts: Sequence[str] = (),
    numbers: Sequence[str],
    finite: bool = True,
    may_be_empty: bool = False,
    expected: Mapping[str, Any] | None = None,
) -> pd.DataFrame:
    """Return the rows of a file, which has these columns; ``numbers`` are ``finite`` or may be NaN.

    Raises :class:`UserError` when it is damaged, empty, another table, not as it was written, or made from something
    else than ``expected``.
    """
    try:
        text = path.read_text(encoding="utf-8")
        table = pd.read_csv(StringIO(text))
    except (ValueError, OSError) as error:  # pandas' own errors and those of decoding are ValueErrors
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{path} is not a table ({reason}); {ADVICE}") from error
    if not text.endswith("\n"):
        raise UserError(f"{path} ends within a line; {ADVICE}")
    recorded = recorded_in(path)
    require_identity(path, recorded, expected or {})
    require_content(path, recorded.get(CONTENT), sha256_of_parts([text.encode()]))
    missing = [name for name in (*texts, *numbers) if name not in table]
    if missing:
        raise UserError(f"{path} lacks the columns {', '.join(missing)}; {ADVICE}")
    if table.empty and may_be_empty:
        return table
    if table.empty:
        raise UserError(f"{path} has no rows; {ADVICE}")
    for name in numbers:
        is_number = table[name].dtype.kind in "if"
        if not is_number or (finite and not np.isfinite(table[name]).all()):
            raise UserError(f"{path}: {name} holds something else than {'finite ' if finite else ''}numbers; {ADVICE}")
    return table


def write_table(path: Path, table: pd.DataFrame, *, made_from: Mapping[str, Any] | None = None) -> None:
    """Write a table without its index, whole or not at all.

    ``made_from``: settings and hashes of the inputs of a result, which go into the file beside it with the hash of the
    table; None for numbers that nobody reads again.
    """
    content = table.to_csv(index=False).encode()
    if made_from is not None:
        recorded = {**made_from, CONTENT: sha256_of_parts([content])}
        write_whole(companion(path), f"{json.dumps(recorded, indent=1)}\n".encode())
    write_whole(path, content)
