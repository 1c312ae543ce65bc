"""Draw the contact sheet of a constructed dataset."""

from pathlib import Path
from typing import Any

import h5py
import numpy as np

from feature_sensitivity.reporting.figures.construction import Example, plot_contact_sheet
from feature_sensitivity.reporting.style import save_figure
from feature_sensitivity.runtime.console import job

MOST_CLASSES = 10


def read_pixels(images: h5py.Dataset, index: int) -> np.ndarray:
    """An image [height, width, channels] in [0, 1]."""
    image = images[index]
    return np.moveaxis(image / 255 if image.dtype == np.uint8 else image, 0, 2)


def read_examples(made: h5py.File, original: h5py.File) -> list[Example]:
    """The first image of each class, up to ten classes."""
    labels = made["train/labels"][:]
    first = np.unique(labels, return_index=True)[1][:MOST_CLASSES]
    return [
        Example(
            original=read_pixels(original["train/images"], index),
            start=read_pixels(original["train/images"], start),
            result=read_pixels(made["train/images"], index),
            label=int(labels[index]),
            start_label=int(original["train/labels"][start]),
            relative_distance=float(made["train/relative_distance"][index]),
        )
        for index in first
        for start in made["train/start_index"][[index]]
    ]


def main(snakemake: Any) -> None:
    """Unpack the rule."""
    dataset = snakemake.wildcards.dataset
    with job(Path(snakemake.log[0]), f"plot_construction {dataset}"):
        with h5py.File(snakemake.input.dataset) as made, h5py.File(snakemake.input.original) as original:
            examples = read_examples(made, original)
            caption = (
                f"{dataset}: the first training image of each class; {made.attrs['source']} over "
                f"{len(made['train/labels'])} images; below each result, its own; seed {snakemake.params.seed}"
            )
        figure = plot_contact_sheet(examples, teacher=snakemake.params.source["teacher"], caption=caption)
        save_figure(figure, Path(snakemake.output[0]))


if "snakemake" in globals():
    main(snakemake)
