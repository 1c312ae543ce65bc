"""Draw Figure 2."""

from itertools import product
from pathlib import Path
from typing import Any

from feature_sensitivity.config.units import in_both_units
from feature_sensitivity.evaluation.sensitivity import read_sensitivities
from feature_sensitivity.reporting.figures.sensitivity import plot_sensitivity
from feature_sensitivity.reporting.protocol import sensitivity_settings
from feature_sensitivity.reporting.style import save_figure
from feature_sensitivity.runtime.console import job


def main(snakemake: Any) -> None:
    """Unpack the rule."""
    params = snakemake.params
    with job(Path(snakemake.log[0]), "plot_sensitivity"):
        files = read_sensitivities(snakemake.input.sensitivity, **params.derivation)
        bands = f"; lines, with bands and bars: mean and standard deviation over {params.seeds}" if params.seeds else ""
        figure, numbers = plot_sensitivity(
            {
                key: file.sensitivity
                for key, file in zip(product(params.replicates, params.epsilons), files, strict=True)
            },
            models=params.models,
            epsilons={epsilon: in_both_units(epsilon, params.std) for epsilon in params.epsilons},
            caption=f"{sensitivity_settings(files)}; vertical lines: means{bands}",
        )
        save_figure(figure, Path(snakemake.output[0]), numbers)


if "snakemake" in globals():
    main(snakemake)
