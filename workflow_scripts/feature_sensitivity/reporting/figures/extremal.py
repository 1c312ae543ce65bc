"""Contact sheet of a model's extremal images at one epsilon."""

from collections.abc import Sequence

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from feature_sensitivity.evaluation.extremal_file import ExtremalImages
from feature_sensitivity.reporting.pictures import Picture, extremal_pictures
from feature_sensitivity.reporting.style import STYLE, add_caption

MOST_IMAGES = 2
"""Images of each feature; more would be too small to be seen."""

MOST_LETTERS = 12
"""Of a class's name above an image."""

TITLES = ("maximum", "perturbation", "minimum", "perturbation")
"""Headings of the pictures that follow the unperturbed image."""

LABEL, GAP, LINE = 1.55, 0.2, 0.3
"""Widths of the labels and between two images, and the height of a line of text, as shares of a picture's place."""

SIDE = 0.62
"""Side of a picture's place, in inches."""


def extremal_figure(
    images: ExtremalImages, *, place: int, sensitivity: Sequence[float], title: str, caption: str
) -> Figure:
    """Draw features in rows: each image as it is, where it maximizes the feature, where it minimizes it, and the way.

    ``images`` are those of one model, ``place`` is that of the epsilon, ``sensitivity`` that of each kept feature at
    this epsilon. ``title`` names model and epsilon.
    """
    n_images, n_features = images.clean.shape
    n_shown = min(n_images, MOST_IMAGES)
    most = int(images.is_most_sensitive.sum())
    named = zip(images.label.tolist(), images.classes or [""] * n_images, strict=True)
    titles = [_shortened(name) or f"class {label}" for label, name in named][:n_shown]
    headings = [row for row in (0, most) if row < n_features]
    width = LABEL + n_shown * (len(TITLES) + 1 + GAP)
    height = n_features * (1 + LINE) + 2 * LINE * len(headings)
    above, below = 0.3, 0.45  # inches for title and caption
    inches = SIDE * height + above + below
    with mpl.rc_context({**STYLE, "axes.grid": False, "font.size": 6.5}):
        figure = Figure(figsize=(SIDE * width, inches))
        # Placed by hand: a layout that is sought would take most of the time.
        axes = figure.add_axes((0, below / inches, 1, SIDE * height / inches))
        axes.set_axis_off()
        y = 0.0
        for row in range(n_features):
            if row in headings:
                kind = "most" if row < most else "least"
                axes.text(0.1, y + LINE, f"{kind} sensitive", fontsize=8, weight="bold", va="center")
                _write_titles(axes, titles, y + LINE)
                y += 2 * LINE
            text = f"feature {images.feature_index[row]}\nsensitivity\n{sensitivity[row]:.3g}"
            axes.text(0.1, y + 0.5, text, va="center")
            for number in range(n_shown):
                x = LABEL + number * (len(TITLES) + 1 + GAP)
                pictures = extremal_pictures(images, place=place, row=number, column=row, digits=3)
                for column, (picture, value) in enumerate(pictures):
                    _show(axes, picture, x + column, y)
                    axes.text(x + column + 0.5, y + 0.97, value, ha="center", va="top", fontsize=6)
            y += 1 + LINE
        axes.set(xlim=(0, width), ylim=(height, 0), aspect="auto")
        figure.suptitle(title, fontsize=9, y=1 - 0.1 / inches, va="top")
        add_caption(figure, caption)
    return figure


def _show(axes: Axes, picture: Picture, x: float, y: float) -> None:
    """Draw a picture in the place whose upper left corner is given."""
    height, width, _ = picture.shape
    scale = 0.94 / max(height, width)
    left = x + (1 - scale * width) / 2
    axes.imshow(picture, extent=(left, left + scale * width, y + scale * height, y), interpolation="none")


def _shortened(name: str) -> str:
    return name if len(name) <= MOST_LETTERS else f"{name[: MOST_LETTERS - 1]}…"


def _write_titles(axes: Axes, classes: Sequence[str], y: float) -> None:
    for number, name in enumerate(classes):
        for column, title in enumerate((name, *TITLES)):
            x = LABEL + number * (len(TITLES) + 1 + GAP) + column + 0.5
            axes.text(x, y, title, ha="center", va="center", parse_math=False)
