"""What a construction did: some images before and after."""

from collections.abc import Sequence
from dataclasses import dataclass

import h5py
import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

from feature_sensitivity.reporting.pictures import Picture, picture_of
from feature_sensitivity.reporting.style import STYLE, add_caption

MOST_CLASSES = 10


@dataclass(frozen=True, kw_only=True)
class Example:
    """An image of a constructed dataset and the two it was made from."""

    original: Picture
    start: Picture
    result: Picture
    label: int
    start_label: int
    relative_distance: float


def read_examples(constructed: h5py.File, original: h5py.File) -> list[Example]:
    """Return the first image of each class, up to ten classes; both are files of datasets."""
    labels = constructed["train/labels"][:]
    _, first = np.unique(labels, return_index=True)
    examples = []
    for index in first[:MOST_CLASSES]:
        start = constructed["train/start_index"][index]
        examples.append(
            Example(
                original=_picture(original["train/images"], index),
                start=_picture(original["train/images"], start),
                result=_picture(constructed["train/images"], index),
                label=int(labels[index]),
                start_label=int(original["train/labels"][start]),
                relative_distance=float(constructed["train/relative_distance"][index]),
            )
        )
    return examples


def construction_figure(examples: Sequence[Example], *, teacher: str, caption: str) -> Figure:
    """Draw original, start and result side by side, two examples a row.

    ``teacher`` names the model that represents the result as it represents the original.
    """
    with mpl.rc_context({**STYLE, "axes.grid": False, "font.size": 8}):
        rows = -(-len(examples) // 2)
        figure = Figure(figsize=(6.6, 1.2 * rows + 0.7), layout="constrained")
        grid = figure.add_gridspec(rows, 7, width_ratios=(1, 1, 1, 0.3, 1, 1, 1))
        for number, example in enumerate(examples):
            # Filled column by column; the fourth column of the grid is a gap.
            column, row = divmod(number, rows)
            pictures = (
                ("original", example.original, f"class {example.label}"),
                ("start", example.start, f"class {example.start_label}"),
                ("result", example.result, f"distance {example.relative_distance:.2f}"),
            )
            for place, (title, pixels, text) in enumerate(pictures):
                axes = figure.add_subplot(grid[row, 4 * column + place])
                axes.imshow(pixels, interpolation="nearest")
                axes.set(xticks=[], yticks=[])
                axes.spines[:].set_visible(False)
                axes.set_xlabel(text, labelpad=2)
                if row == 0:
                    axes.set_title(title, fontsize=9)
        figure.suptitle(f"result: the start, moved until model {teacher} represents it as the original", fontsize=9)
        add_caption(figure, caption)
    return figure


def _picture(images: h5py.Dataset, index: int) -> Picture:
    image = images[index]
    return picture_of((image / 255 if image.dtype == np.uint8 else image).astype(np.float32))
