"""Tables as CSV files."""

from collections.abc import Sequence
from io import StringIO
from pathlib import Path

import numpy as np
import pandas as pd

from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.runtime.files import whole_file

ADVICE = "delete it and run the same command again"


def read_table(
    path: Path, *, texts: Sequence[str] = (), numbers: Sequence[str], finite: bool = True, may_be_empty: bool = False
) -> pd.DataFrame:
    """Return the rows of a file, which has these columns; ``numbers`` are ``finite`` or may be NaN.

    Raises :class:`UserError` when it is damaged, empty, or another table.
    """
    try:
        text = path.read_text(encoding="utf-8")
        table = pd.read_csv(StringIO(text))
    except (ValueError, OSError) as error:  # pandas' own errors and those of decoding are ValueErrors
        reason = " ".join(str(error).split())[:200]
        raise UserError(f"{path} is not a table ({reason}); {ADVICE}") from error
    if not text.endswith("\n"):
        raise UserError(f"{path} ends within a line; {ADVICE}")
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


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table without its index, whole or not at all."""
    with whole_file(path) as temporary:
        table.to_csv(temporary, index=False, encoding="utf-8")
