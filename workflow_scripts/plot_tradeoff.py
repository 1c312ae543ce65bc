"""Draw accuracy against sensitivity."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from feature_sensitivity.evaluation.sensitivity_file import read_sensitivity
from feature_sensitivity.reporting.figures.tradeoff import tradeoff_figure
from feature_sensitivity.reporting.protocol import joined
from feature_sensitivity.reporting.samples import accuracy_sample, sensitivity_sample
from feature_sensitivity.reporting.style import save_figure
from feature_sensitivity.runtime.console import job


def plot_tradeoff(
    *,
    summary: Path,
    sensitivity: Sequence[Path],
    svg: Path,
    models: Sequence[str],
    accuracy_protocol: str,
    sensitivity_protocol: str,
    bars: str,
) -> None:
    """Draw accuracy against mean sensitivity; write ``svg`` and a PNG beside it.

    Args:
        summary: ``results/summary.csv``.
        sensitivity: the sensitivity files of every replicate and epsilon, which say how many images there are.
        svg: the file to write.
        models: in the order of their colours.
        accuracy_protocol: states the attack on the decision.
        sensitivity_protocol: states the attack on features and the definition.
        bars: says what the error bars are.
    """
    table = pd.read_csv(summary)
    caption = (
        f"Accuracy: {joined(accuracy_protocol, accuracy_sample(table), bars)}. "
        f"Sensitivity: {joined(sensitivity_protocol, sensitivity_sample([read_sensitivity(p) for p in sensitivity]))}"
    )
    save_figure(tradeoff_figure(table, models=models, caption=caption), svg)


if "snakemake" in globals():
    with job(Path(snakemake.log[0]), "plot_tradeoff"):
        plot_tradeoff(
            summary=Path(snakemake.input.summary),
            sensitivity=[Path(path) for path in snakemake.input.sensitivity],
            svg=Path(snakemake.output[0]),
            models=snakemake.params.models,
            accuracy_protocol=snakemake.params.accuracy_protocol,
            sensitivity_protocol=snakemake.params.sensitivity_protocol,
            bars=snakemake.params.bars,
        )
