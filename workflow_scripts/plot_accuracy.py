"""Draw Figure 1."""

from pathlib import Path
from typing import Any

import pandas as pd

from feature_sensitivity.analysis.seeds import accuracy_over_seeds
from feature_sensitivity.reporting.figures.accuracy import plot_accuracy
from feature_sensitivity.reporting.protocol import accuracy_settings, bars_settings
from feature_sensitivity.reporting.style import save_figure
from feature_sensitivity.runtime.console import job


def main(snakemake: Any) -> None:
    """Unpack the rule."""
    with job(Path(snakemake.log[0]), "plot_accuracy"):
        accuracy = accuracy_over_seeds(pd.concat([pd.read_csv(path) for path in snakemake.input.accuracy]))
        text = f"{accuracy_settings(accuracy, snakemake.params.settings)}; {bars_settings(snakemake.params.seeds)}"
        figure = plot_accuracy(accuracy, models=snakemake.params.models, caption=text)
        save_figure(figure, Path(snakemake.output[0]), accuracy)


if "snakemake" in globals():
    main(snakemake)
