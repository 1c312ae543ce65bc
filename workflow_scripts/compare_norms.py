"""Put accuracy and sensitivity under the protocol's norm and under l2 side by side."""

from pathlib import Path

import pandas as pd

from feature_sensitivity.analysis.accuracy_tables import AccuracyFiles
from feature_sensitivity.analysis.run import read_run
from feature_sensitivity.analysis.tables import write_table
from feature_sensitivity.evaluation.expected_sensitivity import SensitivityFiles
from feature_sensitivity.runtime.console import job
from feature_sensitivity.studies.norms.measurement import accuracy_beside_sensitivity


def compare_norms(
    *,
    accuracy: AccuracyFiles,
    sensitivity: SensitivityFiles,
    accuracy_l2: AccuracyFiles,
    sensitivity_l2: SensitivityFiles,
    csv: Path,
    definition: str,
    normalization: str,
) -> None:
    """Write a row for each norm, model and epsilon to ``csv``.

    Args:
        accuracy: the accuracy tables under the protocol's norm, and what each has to say of itself.
        sensitivity: the sensitivity files of every model and epsilon, likewise.
        accuracy_l2: the same under l2.
        sensitivity_l2: the same under l2.
        csv: the file to write.
        definition: of sensitivity, as in the config.
        normalization: of weights, as in the config.
    """
    tables = []
    for files, sensitivities in ((accuracy, sensitivity), (accuracy_l2, sensitivity_l2)):
        accuracies = files.read_together()
        run = read_run(
            accuracy=accuracies, sensitivity=sensitivities, definition=definition, normalization=normalization
        )
        tables.append(accuracy_beside_sensitivity(accuracies, run))
    write_table(csv, pd.concat(tables))


if "snakemake" in globals():
    with job(Path(snakemake.log[0]), "compare_norms"):
        compare_norms(
            accuracy=AccuracyFiles.of_rule(snakemake.input.accuracy, **snakemake.params.accuracy),
            sensitivity=SensitivityFiles.of_rule(
                snakemake.input.sensitivity, snakemake.input.models, **snakemake.params.sensitivity
            ),
            accuracy_l2=AccuracyFiles.of_rule(snakemake.input.accuracy_l2, **snakemake.params.accuracy_l2),
            sensitivity_l2=SensitivityFiles.of_rule(
                snakemake.input.sensitivity_l2, snakemake.input.models, **snakemake.params.sensitivity_l2
            ),
            csv=Path(snakemake.output[0]),
            **snakemake.params.derivation,
        )
