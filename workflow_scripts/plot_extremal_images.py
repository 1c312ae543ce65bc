"""Draw the contact sheets of the extremal images that are kept."""

from collections.abc import Mapping
from pathlib import Path

from feature_sensitivity.analysis.run import read_sensitivities
from feature_sensitivity.evaluation.expected_sensitivity import SensitivityFiles
from feature_sensitivity.evaluation.extremal_file import read_extremal
from feature_sensitivity.reporting.epsilon_axes import epsilon_titles
from feature_sensitivity.reporting.figures.extremal import extremal_figure
from feature_sensitivity.reporting.protocol import joined
from feature_sensitivity.reporting.samples import sensitivity_sample
from feature_sensitivity.reporting.style import save_figure
from feature_sensitivity.runtime.console import job


def plot_extremal_images(
    *,
    sensitivity: SensitivityFiles,
    extremal: Mapping[str, Path],
    svgs: Mapping[tuple[str, str], Path],
    protocol: str,
) -> None:
    """Draw a sheet for each model and epsilon; write each of ``svgs``, by model and epsilon, and a PNG beside it.

    ``extremal``: model to the file of its extremal images. ``protocol`` states the attack and the definition.
    """
    files = read_sensitivities(sensitivity)
    epsilons = epsilon_titles(files)
    for model, path in extremal.items():
        measured = {epsilon: file for (name, epsilon), file in files.items() if name == model}
        images = read_extremal(path, measured=list(measured.values()))
        for place, (epsilon, file) in enumerate(measured.items()):
            value = dict(zip(file.feature_index.tolist(), file.sensitivity.tolist(), strict=True))
            figure = extremal_figure(
                images,
                place=place,
                sensitivity=[value[feature] for feature in images.feature_index.tolist()],
                title=f"{model}, epsilon {epsilons[epsilon]}",
                caption=joined(
                    protocol,
                    f"sensitivities over {sensitivity_sample([file])}",
                    "features ordered by their mean rank over all epsilons",
                    "below each picture the feature's value, below each perturbation its amplification, with 0 in grey",
                ),
            )
            save_figure(figure, svgs[model, epsilon])


if "snakemake" in globals():
    with job(Path(snakemake.log[0]), "plot_extremal_images"):
        read = SensitivityFiles.of_rule(snakemake.input, snakemake.params.sensitivity)
        plot_extremal_images(
            sensitivity=read,
            extremal=dict(zip(read.checkpoints, map(Path, snakemake.input.extremal), strict=True)),
            svgs=dict(zip(read.paths, map(Path, snakemake.output.svg), strict=True)),
            protocol=snakemake.params.protocol,
        )
