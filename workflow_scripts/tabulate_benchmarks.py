"""Tabulate what each rule's jobs took: time, and the most memory."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from feature_sensitivity.runtime.console import job, logger
from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.runtime.files import whole_file


def tabulate(folder: Path, files: Sequence[Path]) -> pd.DataFrame:
    """One row per rule, the costliest first, from Snakemake's benchmark files ``{folder}/{rule}/*.tsv``.

    The last attempt of a job counts. A job that ended before its memory was looked at has none.
    """
    jobs = pd.concat(
        pd.read_csv(path, sep="\t", na_values="-").assign(rule=path.relative_to(folder).parts[0].removesuffix(".tsv"))
        for path in files
    )
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


def main(snakemake: Any) -> None:
    """Unpack the rule."""
    folder = Path(snakemake.params.folder)
    with job(Path(snakemake.log[0]), "benchmarks"):
        files = sorted(folder.rglob("*.tsv"))
        if not files:
            raise UserError(f"{folder} holds no benchmarks yet; run the workflow first: snakemake --cores 8 all")
        table = tabulate(folder, files)
        with whole_file(Path(snakemake.params.table)) as temporary:
            table.to_csv(temporary, index=False)
        text = table.to_string(index=False, float_format="{:.1f}".format, na_rep="-")
        logger.info("%s\n%s", snakemake.params.table, text)


if "snakemake" in globals():
    main(snakemake)
