"""Judge the claims on sensitivities by every definition and weight normalization, from the stored extrema."""

from collections.abc import Sequence
from pathlib import Path

from feature_sensitivity.analysis.tables import read_tables, write_table
from feature_sensitivity.evaluation.sensitivity_file import read_sensitivity
from feature_sensitivity.runtime.console import job
from feature_sensitivity.studies.definitions.measurement import verdicts_by_definition


def compare_definitions(*, accuracy: Sequence[Path], sensitivity: Sequence[Path], csv: Path) -> None:
    """Write a row for each definition, normalization and claim to ``csv``.

    Args:
        accuracy: files ``results/accuracy/{model}.csv``.
        sensitivity: the sensitivity files of every model and epsilon.
        csv: the file to write.
    """
    files = [read_sensitivity(path) for path in sensitivity]
    write_table(csv, verdicts_by_definition(read_tables(accuracy), files))


if "snakemake" in globals():
    with job(Path(snakemake.log[0]), "compare_definitions"):
        compare_definitions(
            accuracy=[Path(path) for path in snakemake.input.accuracy],
            sensitivity=[Path(path) for path in snakemake.input.sensitivity],
            csv=Path(snakemake.output[0]),
        )
