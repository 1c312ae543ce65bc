"""Draw the learning curves."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from feature_sensitivity.analysis.history_tables import read_history
from feature_sensitivity.reporting.figures.learning import learning_figure
from feature_sensitivity.reporting.protocol import joined
from feature_sensitivity.reporting.style import save_figure
from feature_sensitivity.runtime.console import job

SHOWN = "loss and training accuracy on the images as trained on, attacked in adversarial training"


def plot_learning(
    *, histories: Mapping[str, Path], expected: Mapping[str, Mapping[str, Any]], svg: Path, protocol: str, seeds: str
) -> None:
    """Draw loss and accuracy against epoch; write ``svg`` and a PNG beside it.

    ``histories``: replicate to its ``results/models/{model}.history.csv``, which must record the settings ``expected``
    of it. ``protocol`` states the training, ``seeds`` the seed, or what shows the spread over several.
    """
    tables = {name: read_history(path, expected=expected[name]) for name, path in histories.items()}
    caption = joined(protocol, SHOWN, "test accuracy without attack", seeds)
    save_figure(learning_figure(tables, caption=caption), svg)


if "snakemake" in globals():
    with job(Path(snakemake.log[0]), "plot_learning"):
        plot_learning(
            histories=dict(zip(snakemake.params.expected, map(Path, snakemake.input.histories), strict=True)),
            svg=Path(snakemake.output[0]),
            expected=snakemake.params.expected,
            protocol=snakemake.params.protocol,
            seeds=snakemake.params.seeds,
        )
