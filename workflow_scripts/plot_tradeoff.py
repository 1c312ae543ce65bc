"""Draw accuracy against sensitivity."""

from pathlib import Path
from typing import Any

import pandas as pd

from feature_sensitivity.evaluation.sensitivity import read_sensitivities
from feature_sensitivity.reporting.figures.tradeoff import plot_tradeoff
from feature_sensitivity.reporting.protocol import accuracy_settings, bars_settings, sensitivity_settings
from feature_sensitivity.reporting.style import save_figure
from feature_sensitivity.runtime.console import job


def main(snakemake: Any) -> None:
    """Unpack the rule."""
    with job(Path(snakemake.log[0]), "plot_tradeoff"):
        summary = pd.read_csv(snakemake.input.summary)
        files = read_sensitivities(snakemake.input.sensitivity, **snakemake.params.derivation)
        text = (
            f"Accuracy: {accuracy_settings(summary, snakemake.params.settings)}; "
            f"{bars_settings(snakemake.params.seeds)}. "
            f"Sensitivity: {sensitivity_settings(files)}"
        )
        figure = plot_tradeoff(summary, models=snakemake.params.models, caption=text)
        save_figure(figure, Path(snakemake.output[0]))


if "snakemake" in globals():
    main(snakemake)
