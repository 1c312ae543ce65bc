"""Draw accuracy against sensitivity."""

from collections.abc import Sequence
from pathlib import Path

from feature_sensitivity.analysis.tables import read_table
from feature_sensitivity.evaluation.expected_sensitivity import SensitivityFiles
from feature_sensitivity.reporting.figures.tradeoff import tradeoff_figure
from feature_sensitivity.reporting.protocol import joined
from feature_sensitivity.reporting.samples import accuracy_sample, sensitivity_sample
from feature_sensitivity.reporting.style import save_figure
from feature_sensitivity.runtime.console import job
from feature_sensitivity.runtime.identity import derived_from


def plot_tradeoff(
    *,
    summary: Path,
    sensitivity: SensitivityFiles,
    svg: Path,
    models: Sequence[str],
    accuracy_protocol: str,
    sensitivity_protocol: str,
    bars: str,
) -> None:
    """Draw accuracy against mean sensitivity, from ``results/summary.csv``; write ``svg`` and a PNG beside it.

    The protocols state the attacks and the definition, ``bars`` says what the error bars are.
    """
    texts, numbers = ("model",), ("epsilon", "n_images", "accuracy", "ci_low", "ci_high", "seed")
    table = read_table(summary, texts=texts, numbers=numbers, expected=derived_from(sensitivity))
    caption = (
        f"Accuracy: {joined(accuracy_protocol, accuracy_sample(table), bars)}. "
        f"Sensitivity: {joined(sensitivity_protocol, sensitivity_sample(list(sensitivity.read().values())))}"
    )
    save_figure(tradeoff_figure(table, models=models, caption=caption), svg)


if "snakemake" in globals():
    with job(Path(snakemake.log[0]), "plot_tradeoff"):
        plot_tradeoff(
            summary=Path(snakemake.input.summary),
            sensitivity=SensitivityFiles.of_rule(snakemake.input, snakemake.params.sensitivity),
            svg=Path(snakemake.output[0]),
            models=snakemake.params.models,
            accuracy_protocol=snakemake.params.accuracy_protocol,
            sensitivity_protocol=snakemake.params.sensitivity_protocol,
            bars=snakemake.params.bars,
        )
