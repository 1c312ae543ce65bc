"""Judge the claims and compare the numbers behind them under several protocols of the attack."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import pandas as pd

from feature_sensitivity.analysis.accuracy_tables import AccuracyFiles
from feature_sensitivity.analysis.run import read_run
from feature_sensitivity.analysis.tables import write_table
from feature_sensitivity.evaluation.expected_sensitivity import SensitivityFiles
from feature_sensitivity.runtime.console import job
from feature_sensitivity.studies.attack_strength.measurement import attack_comparison
from feature_sensitivity.studies.attack_strength.settings import WEAKEST


def compare_attacks(
    *,
    accuracy: Mapping[str, AccuracyFiles],
    sensitivity: Mapping[str, SensitivityFiles],
    csv: Path,
    definition: str,
    normalization: str,
) -> None:
    """Write a row for each protocol and number to ``csv``.

    Args:
        accuracy: by protocol, the accuracy tables, and what each has to say of itself.
        sensitivity: by protocol, the sensitivity files of every model and epsilon, likewise.
        csv: the file to write.
        definition: of sensitivity, as in the config.
        normalization: of weights, as in the config.
    """
    runs = {
        protocol: read_run(
            accuracy=files.read_together(),
            sensitivity=sensitivity[protocol],
            definition=definition,
            normalization=normalization,
        )
        for protocol, files in accuracy.items()
    }
    checks = pd.concat(accuracy[WEAKEST].read_checks().values())
    stronger = checks[checks.attack == accuracy[WEAKEST].settings.stronger_attack]
    write_table(csv, attack_comparison(runs, stronger))


def of_protocol(protocol: str, files: Iterable[str]) -> list[str]:
    """Return those of the files that are in the folder of a protocol."""
    return [file for file in files if Path(file).parent.name == protocol]


if "snakemake" in globals():
    with job(Path(snakemake.log[0]), "compare_attacks"):
        compare_attacks(
            accuracy={
                protocol: AccuracyFiles.of_rule(
                    of_protocol(protocol, snakemake.input.accuracy),
                    of_protocol(protocol, snakemake.input.checks),
                    **expected,
                )
                for protocol, expected in snakemake.params.accuracy.items()
            },
            sensitivity={
                protocol: SensitivityFiles.of_rule(
                    of_protocol(protocol, snakemake.input.sensitivity), snakemake.input.models, **expected
                )
                for protocol, expected in snakemake.params.sensitivity.items()
            },
            csv=Path(snakemake.output[0]),
            **snakemake.params.derivation,
        )
