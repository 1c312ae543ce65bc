"""What a construction did, for the eye: some images before and after."""

from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from feature_sensitivity.reporting.style import STYLE, add_caption


@dataclass(frozen=True, kw_only=True)
class Example:
    """An image of a constructed dataset and the two it was made from, each [height, width, channels] in [0, 1]."""

    original: NDArray[np.floating]
    start: NDArray[np.floating]
    result: NDArray[np.floating]
    label: int
    start_label: int
    relative_distance: float


def plot_contact_sheet(examples: Sequence[Example], *, teacher: str, caption: str) -> Figure:
    """Original, start and result side by side, two examples a row.

    ``teacher`` names the model that represents the result as it represents the original.
    """
    with plt.rc_context({**STYLE, "axes.grid": False, "font.size": 8}):
        rows = -(-len(examples) // 2)
        figure = plt.figure(figsize=(6.6, 1.2 * rows + 0.7), layout="constrained")
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
                gray = pixels.shape[2] == 1
                axes.imshow(pixels.repeat(3, axis=2) if gray else pixels, interpolation="nearest")
                axes.set(xticks=[], yticks=[])
                axes.spines[:].set_visible(False)
                axes.set_xlabel(text, labelpad=2)
                if row == 0:
                    axes.set_title(title, fontsize=9)
        figure.suptitle(f"result: the start, moved until model {teacher} represents it as the original", fontsize=9)
        add_caption(figure, caption)
    return figure
