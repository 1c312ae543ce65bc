"""Images and perturbations as pictures to be looked at."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from feature_sensitivity.evaluation.default_definition import Array
from feature_sensitivity.evaluation.extremal_file import ExtremalImages

Picture = NDArray[np.uint8]
"""Red, green and blue, [height, width, 3]."""

LARGEST_SIDE = 96
"""Pixels; larger images are shrunk, since several are shown side by side."""


def picture_of(pixels: Array) -> Picture:
    """Return an image float32 [channels, height, width], 0 black and 1 white, as a picture.

    Three channels are red, green and blue; of any other number the mean is shown, in grey. Pixels beyond the range are
    shown as black or white.
    """
    shown = pixels if len(pixels) == 3 else pixels.mean(axis=0, keepdims=True).repeat(3, axis=0)
    whole = (shown.clip(0, 1) * 255).round().astype(np.uint8).transpose(1, 2, 0)
    picture = Image.fromarray(np.ascontiguousarray(whole))
    picture.thumbnail((LARGEST_SIDE, LARGEST_SIDE))
    return np.asarray(picture)


def amplification(perturbation: Array) -> float:
    """Return the factor by which the largest entry of a perturbation fills the range around grey; 1 where all are 0."""
    largest = float(np.abs(perturbation).max())
    return 0.5 / largest if largest else 1.0


def amplified_picture(perturbation: Array) -> Picture:
    """Return a perturbation [channels, height, width], amplified, as a picture in which 0 is grey."""
    return picture_of(0.5 + amplification(perturbation) * perturbation)


def extremal_pictures(
    images: ExtremalImages, *, place: int, row: int, column: int, digits: int
) -> Iterator[tuple[Picture, str]]:
    """Yield an image, where a feature has its maximum, the perturbation there, and the same for the minimum.

    With each goes the text below it: the feature's value, or the factor by which the perturbation is amplified.
    ``place`` is that of the epsilon, ``row`` that of the image, ``column`` that of the feature.
    """
    image = images.image[row]
    yield picture_of(image), f"{images.clean[row, column]:.{digits}g}"
    for points, values in ((images.maximizing, images.maximum), (images.minimizing, images.minimum)):
        point: Array = points[place, row, column]
        yield picture_of(point), f"{values[place, row, column]:.{digits}g}"
        change = point - image
        factor = f"\N{MULTIPLICATION SIGN} {amplification(change):.2g}" if change.any() else "none"
        yield amplified_picture(change), factor
