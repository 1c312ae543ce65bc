"""Measure what a study is about: its whole table, or that of a model at one epsilon."""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

from feature_sensitivity.analysis.tables import write_table
from feature_sensitivity.networks.expected_files import check_files
from feature_sensitivity.runtime.console import job
from feature_sensitivity.runtime.files import sha256_of_file
from feature_sensitivity.runtime.identity import content_hashes


def measure_study(study: str, *, files: Mapping[str, Path], settings: Mapping[str, Any], csv: Path) -> None:
    """Write the table that the study's ``measure`` returns for these files and settings, by argument, to ``csv``."""
    measurement = import_module(f"feature_sensitivity.studies.{study}.measurement")
    made_from = {
        "settings": settings,
        "checkpoints": {path.stem: sha256_of_file(path) for path in files.values() if path.suffix == ".pt"},
        "files": content_hashes(path for path in files.values() if path.suffix == ".h5"),
    }
    write_table(csv, measurement.measure(**files, **settings), made_from=made_from)


if "snakemake" in globals():
    with job(Path(snakemake.log[0]), f"measure_study {snakemake.wildcards.study} {Path(snakemake.output[0]).stem}"):
        check_files(dict(snakemake.input.items()), snakemake.params.expected)
        measure_study(
            snakemake.wildcards.study,
            files={name: Path(snakemake.input[name]) for name in snakemake.params.files},
            settings=snakemake.params.settings,
            csv=Path(snakemake.output[0]),
        )
