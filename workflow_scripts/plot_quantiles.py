"""Draw quantile-quantile plots of the sensitivities."""

from collections.abc import Sequence
from pathlib import Path

from feature_sensitivity.analysis.run import read_sensitivities
from feature_sensitivity.evaluation.expected_sensitivity import SensitivityFiles
from feature_sensitivity.reporting.epsilon_axes import epsilon_titles
from feature_sensitivity.reporting.figures.quantiles import quantiles_figure
from feature_sensitivity.reporting.protocol import joined
from feature_sensitivity.reporting.samples import sensitivity_sample
from feature_sensitivity.reporting.style import save_figure
from feature_sensitivity.runtime.console import job


def plot_quantiles(
    *,
    sensitivity: SensitivityFiles,
    svg: Path,
    models: Sequence[str],
    protocol: str,
    spread: str,
) -> None:
    """Draw quantiles of sensitivities against normal ones; write ``svg`` and, beside it, a PNG and a CSV.

    ``protocol`` states the attack and the definition; ``spread``, empty for one seed, says what shows the spread over
    seeds.
    """
    files = read_sensitivities(sensitivity)
    figure, numbers = quantiles_figure(
        {key: file.sensitivity for key, file in files.items()},
        models=models,
        epsilons=epsilon_titles(files),
        caption=joined(
            protocol, sensitivity_sample(list(files.values())), "a normal distribution follows the line", spread
        ),
    )
    save_figure(figure, svg, numbers)


if "snakemake" in globals():
    with job(Path(snakemake.log[0]), "plot_quantiles"):
        plot_quantiles(
            sensitivity=SensitivityFiles.of_rule(snakemake.input, snakemake.params.sensitivity),
            svg=Path(snakemake.output[0]),
            models=snakemake.params.models,
            protocol=snakemake.params.protocol,
            spread=snakemake.params.spread,
        )
