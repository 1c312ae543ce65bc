"""Time and memory of a run's jobs, from the files in which each job's were measured."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd


def costs_by_rule(folder: Path, files: Sequence[Path]) -> pd.DataFrame:
    """Return one row per rule, the costliest first, from the benchmark files ``{folder}/{rule}/*.tsv``.

    The last attempt of a job counts. A job that ended before its memory was measured has none.
    """
    jobs = pd.concat(pd.read_csv(path, sep="\t", na_values="-").assign(rule=rule_of(path, folder)) for path in files)
    rules = jobs.groupby("rule")
    table = pd.DataFrame(
        {
            "jobs": rules.size(),
            "minutes in all": rules["s"].sum() / 60,
            "minutes of the longest": rules["s"].max() / 60,
            "CPU minutes in all": rules["cpu_time"].sum() / 60,
            "peak memory MB": rules["max_rss"].max(),
        }
    )
    return table.sort_values("minutes in all", ascending=False).reset_index()


def rule_of(path: Path, folder: Path) -> str:
    """Return the rule of a benchmark file."""
    return path.relative_to(folder).parts[0].removesuffix(".tsv")
