"""Judge the claims on sensitivities by every definition and weight normalization, from the stored extrema."""

from pathlib import Path

from feature_sensitivity.analysis.accuracy_tables import AccuracyFiles
from feature_sensitivity.analysis.tables import write_table
from feature_sensitivity.evaluation.expected_sensitivity import SensitivityFiles
from feature_sensitivity.runtime.console import job
from feature_sensitivity.studies.definitions.measurement import verdicts_by_definition


def compare_definitions(*, accuracy: AccuracyFiles, sensitivity: SensitivityFiles, csv: Path) -> None:
    """Write a row for each definition, normalization and claim to ``csv``.

    Args:
        accuracy: the accuracy tables of every replicate, and what each has to say of itself.
        sensitivity: the files of every replicate and epsilon, and what each has to say of itself.
        csv: the file to write.
    """
    write_table(csv, verdicts_by_definition(accuracy.read_together(), list(sensitivity.read().values())))


if "snakemake" in globals():
    with job(Path(snakemake.log[0]), "compare_definitions"):
        compare_definitions(
            accuracy=AccuracyFiles.of_rule(
                snakemake.input.accuracy, images=snakemake.input.images, **snakemake.params.accuracy
            ),
            sensitivity=SensitivityFiles.of_rule(
                snakemake.input.sensitivity, snakemake.input.models, **snakemake.params.sensitivity
            ),
            csv=Path(snakemake.output[0]),
        )
