"""Compare the measurements that a study puts side by side, from their files."""

from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

from feature_sensitivity.analysis.accuracy_tables import AccuracyFiles
from feature_sensitivity.analysis.tables import write_table
from feature_sensitivity.evaluation.expected_sensitivity import SensitivityFiles
from feature_sensitivity.runtime.console import job
from feature_sensitivity.runtime.identity import derived_from
from feature_sensitivity.studies.variant_files import VariantFiles


def compare_study(study: str, *, variants: Mapping[str, VariantFiles], csv: Path) -> None:
    """Write the table that the study's ``compare`` returns for these measurements, by label, to ``csv``."""
    comparison = import_module(f"feature_sensitivity.studies.{study}.measurement")
    inputs = [files for variant in variants.values() for files in (variant.accuracy, variant.sensitivity) if files]
    write_table(csv, comparison.compare(variants), made_from=derived_from(*inputs))


if "snakemake" in globals():
    with job(Path(snakemake.log[0]), f"compare_study {snakemake.wildcards.study}"):
        compare_study(
            snakemake.wildcards.study,
            variants={
                label: VariantFiles(
                    accuracy=AccuracyFiles.of_rule(snakemake.input, expected["accuracy"], label=f"{label}_")
                    if expected["accuracy"]
                    else None,
                    sensitivity=SensitivityFiles.of_rule(snakemake.input, expected["sensitivity"], label=f"{label}_"),
                )
                for label, expected in snakemake.params.variants.items()
            },
            csv=Path(snakemake.output[0]),
        )
