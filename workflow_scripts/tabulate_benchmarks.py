"""Tabulate what each rule's jobs took: time, and the most memory."""

from pathlib import Path

from feature_sensitivity.analysis.benchmark_table import costs_by_rule
from feature_sensitivity.analysis.tables import write_table
from feature_sensitivity.runtime.console import job, logger
from feature_sensitivity.runtime.errors import UserError


def tabulate_benchmarks(*, folder: Path, csv: Path) -> None:
    """Write the time and memory of each rule's jobs to ``csv`` and to the log.

    ``folder`` has Snakemake's benchmark files, ``{rule}/*.tsv`` or ``{rule}.tsv``. Raises :class:`UserError` when there
    are none yet.
    """
    files = sorted(folder.rglob("*.tsv"))
    if not files:
        others = [str(other) for other in sorted(folder.parent.glob("*/benchmarks")) if any(other.rglob("*.tsv"))]
        advice = (
            f"another run's are in {', '.join(others)}: name the target benchmarks with that run's --profile and "
            "--configfile"
            if others
            else "run the workflow first: snakemake --cores 8 all"
        )
        raise UserError(f"{folder} holds no benchmarks yet; {advice}")
    table = costs_by_rule(folder, files)
    write_table(csv, table)
    text = table.to_string(index=False, float_format="{:.1f}".format, na_rep="-")
    logger.info("%s\n%s", csv, text)


if "snakemake" in globals():
    with job(Path(snakemake.log[0]), "benchmarks"):
        tabulate_benchmarks(folder=Path(snakemake.params.folder), csv=Path(snakemake.params.table))
