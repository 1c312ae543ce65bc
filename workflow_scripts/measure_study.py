"""Measure what a study is about: its whole table, or that of a model at one epsilon."""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from feature_sensitivity.analysis.tables import write_table
from feature_sensitivity.networks.expected_files import check_files
from feature_sensitivity.runtime.console import job


def measure_study(study: str, *, files: Mapping[str, Path], settings: Mapping[str, Any], csv: Path) -> None:
    """Write the table that the study's ``measure`` returns for these files and settings, by argument, to ``csv``."""
    measurement = import_module(f"feature_sensitivity.studies.{study}.measurement")
    write_table(csv, measurement.measure(**files, **settings))


if "snakemake" in globals():
    with job(Path(snakemake.log[0]), f"measure_study {snakemake.wildcards.study} {Path(snakemake.output[0]).stem}"):
        check_files(snakemake.params.expected)
        measure_study(
            snakemake.wildcards.study,
            files={name: Path(snakemake.input[name]) for name in snakemake.params.files},
            settings=snakemake.params.settings,
            csv=Path(snakemake.output[0]),
        )
