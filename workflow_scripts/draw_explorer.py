"""Draw the page on which to look at the features of all models."""

from collections.abc import Mapping
from pathlib import Path

from feature_sensitivity.analysis.feature_tables import read_features
from feature_sensitivity.evaluation.expected_sensitivity import SensitivityFiles
from feature_sensitivity.evaluation.extremal_file import read_extremal
from feature_sensitivity.reporting.documents import write_text
from feature_sensitivity.reporting.epsilon_axes import epsilon_titles
from feature_sensitivity.reporting.explorer.data import explorer_data
from feature_sensitivity.reporting.explorer.page import explorer_page
from feature_sensitivity.reporting.protocol import joined
from feature_sensitivity.reporting.samples import sensitivity_sample
from feature_sensitivity.runtime.console import job
from feature_sensitivity.runtime.identity import derived_from


def draw_explorer(
    *, features: Path, sensitivity: SensitivityFiles, extremal: Mapping[str, Path], page: Path, protocol: str
) -> None:
    """Write the page on ``features``, which is ``results/features.csv``.

    ``extremal``: replicate to the file of its extremal images. ``protocol`` states the attack and the definition.
    """
    measured = sensitivity.read()
    images = {
        model: read_extremal(path, measured=[file for (name, _), file in measured.items() if name == model])
        for model, path in extremal.items()
    }
    data = explorer_data(
        read_features(features, sensitivity.epsilons, expected=derived_from(sensitivity)),
        measured=measured,
        extremal=images,
        epsilons=epsilon_titles(measured),
    )
    write_text(page, explorer_page(data, note=joined(protocol, sensitivity_sample(list(measured.values())))))


if "snakemake" in globals():
    with job(Path(snakemake.log[0]), "draw_explorer"):
        files = SensitivityFiles.of_rule(snakemake.input, snakemake.params.sensitivity)
        draw_explorer(
            features=Path(snakemake.input.features),
            sensitivity=files,
            extremal=dict(zip(files.checkpoints, map(Path, snakemake.input.extremal), strict=True)),
            page=Path(snakemake.output[0]),
            protocol=snakemake.params.protocol,
        )
