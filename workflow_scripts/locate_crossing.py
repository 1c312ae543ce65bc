"""Compare the sensitivities of normal and robust_dataset on a fine grid of epsilon."""

from pathlib import Path

from feature_sensitivity.analysis.run import read_run
from feature_sensitivity.analysis.tables import write_table
from feature_sensitivity.evaluation.expected_sensitivity import SensitivityFiles
from feature_sensitivity.runtime.console import job
from feature_sensitivity.studies.crossing.measurement import sensitivity_ratios


def locate_crossing(*, sensitivity: SensitivityFiles, csv: Path, definition: str, normalization: str) -> None:
    """Write a row for each epsilon to ``csv``.

    Args:
        sensitivity: the files of the two models at every epsilon, and what each has to say of itself.
        csv: the file to write.
        definition: of sensitivity, as in the config.
        normalization: of weights, as in the config.
    """
    run = read_run(sensitivity=sensitivity, definition=definition, normalization=normalization)
    write_table(csv, sensitivity_ratios(run))


if "snakemake" in globals():
    with job(Path(snakemake.log[0]), "locate_crossing"):
        locate_crossing(
            sensitivity=SensitivityFiles.of_rule(
                snakemake.input.sensitivity, snakemake.input.models, **snakemake.params.sensitivity
            ),
            csv=Path(snakemake.output[0]),
            **snakemake.params.derivation,
        )
