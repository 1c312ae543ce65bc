"""Put accuracy and sensitivity under the protocol's norm and under l2 side by side."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from feature_sensitivity.analysis.run import read_run
from feature_sensitivity.analysis.tables import read_tables, write_table
from feature_sensitivity.runtime.console import job
from feature_sensitivity.studies.norms.measurement import accuracy_beside_sensitivity


def compare_norms(
    *,
    accuracy: Sequence[Path],
    sensitivity: Sequence[Path],
    accuracy_l2: Sequence[Path],
    sensitivity_l2: Sequence[Path],
    csv: Path,
    definition: str,
    normalization: str,
) -> None:
    """Write a row for each norm, model and epsilon to ``csv``.

    Args:
        accuracy: files ``results/accuracy/{model}.csv``, under the protocol's norm.
        sensitivity: the sensitivity files of every model and epsilon, under the protocol's norm.
        accuracy_l2: the same under l2.
        sensitivity_l2: the same under l2.
        csv: the file to write.
        definition: of sensitivity, as in the config.
        normalization: of weights, as in the config.
    """
    tables = []
    for accuracies, sensitivities in ((accuracy, sensitivity), (accuracy_l2, sensitivity_l2)):
        run = read_run(
            accuracy=accuracies, sensitivity=sensitivities, definition=definition, normalization=normalization
        )
        tables.append(accuracy_beside_sensitivity(read_tables(accuracies), run))
    write_table(csv, pd.concat(tables))


if "snakemake" in globals():
    with job(Path(snakemake.log[0]), "compare_norms"):
        compare_norms(
            accuracy=[Path(path) for path in snakemake.input.accuracy],
            sensitivity=[Path(path) for path in snakemake.input.sensitivity],
            accuracy_l2=[Path(path) for path in snakemake.input.accuracy_l2],
            sensitivity_l2=[Path(path) for path in snakemake.input.sensitivity_l2],
            csv=Path(snakemake.output[0]),
            **snakemake.params.derivation,
        )
