"""Draw Figure 1."""

from collections.abc import Sequence
from pathlib import Path

from feature_sensitivity.analysis.accuracy_tables import AccuracyFiles
from feature_sensitivity.analysis.seeds import accuracy_over_seeds
from feature_sensitivity.reporting.figures.accuracy import accuracy_figure
from feature_sensitivity.reporting.protocol import joined
from feature_sensitivity.reporting.samples import accuracy_sample
from feature_sensitivity.reporting.style import save_figure
from feature_sensitivity.runtime.console import job


def plot_accuracy(*, accuracy: AccuracyFiles, svg: Path, models: Sequence[str], protocol: str, bars: str) -> None:
    """Draw accuracy against epsilon; write ``svg`` and, beside it, a PNG and a CSV of the numbers.

    ``protocol`` states the attack, ``bars`` says what the error bars are.
    """
    table = accuracy_over_seeds(accuracy.read_together())
    caption = joined(protocol, accuracy_sample(table), bars)
    save_figure(accuracy_figure(table, models=models, caption=caption), svg, table)


if "snakemake" in globals():
    with job(Path(snakemake.log[0]), "plot_accuracy"):
        plot_accuracy(
            accuracy=AccuracyFiles.of_rule(snakemake.input, snakemake.params.accuracy),
            svg=Path(snakemake.output[0]),
            models=snakemake.params.models,
            protocol=snakemake.params.protocol,
            bars=snakemake.params.bars,
        )
