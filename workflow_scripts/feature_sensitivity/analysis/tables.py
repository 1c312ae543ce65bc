"""Tables as CSV files."""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from feature_sensitivity.runtime.files import whole_file


def read_tables(paths: Iterable[Path]) -> pd.DataFrame:
    """Return the rows of several files with the same columns, in the order of the files."""
    return pd.concat([pd.read_csv(path) for path in paths], ignore_index=True)


def write_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table without its index, whole or not at all."""
    with whole_file(path) as temporary:
        table.to_csv(temporary, index=False)
