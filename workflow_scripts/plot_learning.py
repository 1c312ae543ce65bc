"""Draw the learning curves."""

from pathlib import Path
from typing import Any

import pandas as pd

from feature_sensitivity.reporting.figures.learning import plot_learning
from feature_sensitivity.reporting.style import save_figure
from feature_sensitivity.runtime.console import job


def caption(training: dict[str, Any], seed: int, seeds: str) -> str:
    """The settings of the training, in one sentence."""
    flip = "horizontal flips" if training["horizontal_flip"] else "no augmentation"
    told = f"lines and bands: mean and standard deviation over {seeds}" if seeds else f"seed {seed}"
    return (
        f"momentum SGD, {training['epochs']} epochs, batch {training['batch_size']}, learning rate "
        f"{training['learning_rate']} ({training['schedule']}), weight decay {training['weight_decay']:g}, {flip}, "
        f"{told}; loss and training accuracy on the images as trained on, attacked in adversarial training; "
        "test accuracy without attack"
    )


def main(snakemake: Any) -> None:
    """Unpack the rule."""
    params = snakemake.params
    with job(Path(snakemake.log[0]), "plot_learning"):
        histories = {
            name: pd.read_csv(path) for name, path in zip(params.replicates, snakemake.input.histories, strict=True)
        }
        figure = plot_learning(histories, caption=caption(params.training, params.seed, params.seeds))
        save_figure(figure, Path(snakemake.output[0]))


if "snakemake" in globals():
    main(snakemake)
