"""Draw Figure 2."""

from collections.abc import Sequence
from pathlib import Path

from feature_sensitivity.analysis.run import read_sensitivities
from feature_sensitivity.evaluation.expected_sensitivity import SensitivityFiles
from feature_sensitivity.reporting.epsilon_axes import epsilon_titles
from feature_sensitivity.reporting.figures.sensitivity import marks, sensitivity_figure
from feature_sensitivity.reporting.protocol import joined
from feature_sensitivity.reporting.samples import sensitivity_sample
from feature_sensitivity.reporting.style import save_figure
from feature_sensitivity.runtime.console import job


def plot_sensitivity(
    *,
    sensitivity: SensitivityFiles,
    svg: Path,
    models: Sequence[str],
    protocol: str,
    spread: str,
    pooled: str,
) -> None:
    """Draw histograms of sensitivities; write ``svg`` and, beside it, a PNG and a CSV of the numbers.

    ``protocol`` states the attack and the definition. ``spread`` says what shows the spread over seeds, ``pooled`` that
    boxes are of the features of all seeds; both are empty for one seed.
    """
    files = read_sensitivities(sensitivity)
    figure, numbers = sensitivity_figure(
        {key: file.sensitivity for key, file in files.items()},
        models=models,
        epsilons=epsilon_titles(files),
        caption=joined(protocol, sensitivity_sample(list(files.values())), marks(models, spread=spread, pooled=pooled)),
    )
    save_figure(figure, svg, numbers)


if "snakemake" in globals():
    with job(Path(snakemake.log[0]), "plot_sensitivity"):
        plot_sensitivity(
            sensitivity=SensitivityFiles.of_rule(snakemake.input, snakemake.params.sensitivity),
            svg=Path(snakemake.output[0]),
            models=snakemake.params.models,
            protocol=snakemake.params.protocol,
            spread=snakemake.params.spread,
            pooled=snakemake.params.pooled,
        )
