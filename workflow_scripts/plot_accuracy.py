"""Draw Figure 1."""

from pathlib import Path
from typing import Any

import pandas as pd

from feature_sensitivity.console import job
from feature_sensitivity.figures import plot_accuracy, save_figure
from feature_sensitivity.files import whole_file


def caption(accuracy: pd.DataFrame, settings: dict[str, Any], seed: int) -> str:
    """The settings of the attack, in one sentence."""
    box = "clipped to the pixel box" if settings["clip_to_pixel_box"] else "not clipped to the pixel box"
    restarts = f", {settings['restarts']} restarts" if settings["restarts"] > 1 else ""
    return (
        f"{settings['norm']} PGD on the cross-entropy, {settings['steps']} steps of "
        f"{settings['relative_step_size']} epsilon{restarts}, {settings['iterate']} iterate, {box}; "
        f"{accuracy.n_images.max()} test images, seed {seed}; bars: 95 % Wilson intervals"
    )


def main(snakemake: Any) -> None:
    """Unpack the rule."""
    with job(Path(snakemake.log[0]), "plot_accuracy"):
        accuracy = pd.concat([pd.read_csv(path) for path in snakemake.input.accuracy])
        text = caption(accuracy, snakemake.params.settings, int(accuracy.seed.iloc[0]))
        figure = plot_accuracy(accuracy, models=snakemake.params.models, caption=text)
        svg = Path(snakemake.output[0])
        save_figure(figure, svg.with_suffix(""))
        with whole_file(svg.with_suffix(".csv")) as temporary:
            accuracy.to_csv(temporary, index=False)


if "snakemake" in globals():
    main(snakemake)
