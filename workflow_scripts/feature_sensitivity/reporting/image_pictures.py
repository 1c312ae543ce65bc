"""Images and perturbations as pictures to be looked at."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from feature_sensitivity.evaluation.default_definition import Array

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
