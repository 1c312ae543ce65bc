"""Image files from anywhere, as arrays: no format that runs a program, no more memory than a photograph takes."""

import re
from pathlib import Path
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from feature_sensitivity.data.fitting import MOST_PIXELS, Size
from feature_sensitivity.runtime.errors import UserError

FORMATS = ("JPEG", "PNG", "PPM", "BMP", "TIFF", "WEBP")
"""Pillow recognizes a format by content; of those that it knows, EPS starts Ghostscript."""

SUFFIXES = (".jpg", ".jpeg", ".png", ".ppm", ".pgm", ".bmp", ".tif", ".tiff", ".webp")

MODES = {1: "L", 3: "RGB", 4: "RGBA"}

DEEP = re.compile(r"^(?!BGR).*;(12|16|32)")
"""Raw modes of more than 8 bits per channel; Pillow reduces several channels to 8 without a word."""


def open_image(file: Path | IO[bytes]) -> Image.Image:
    """Return an image file's content; raise :class:`UserError` where it is too large, or has more than 8 bits."""
    with Image.open(file, formats=FORMATS) as image:
        if image.width * image.height > MOST_PIXELS:
            raise UserError(
                f"has {image.height} x {image.width} pixels, more than {MOST_PIXELS:,}, which is not read; "
                "make it smaller"
            )
        raw = [part for tile in image.tile for part in (tile[3] if isinstance(tile[3], tuple) else (tile[3],))]
        is_deep = any(DEEP.match(part) if isinstance(part, str) else False for part in raw)
        # The decoder of PPM files gets the largest value instead.
        is_deep |= image.format == "PPM" and any(isinstance(part, int) and part > 255 for part in raw)
        if is_deep or image.mode.startswith(("I", "F")):
            raise UserError("has more than 8 bits per channel; write 8-bit files, or use source: hdf5 or npz")
        image.load()
    return image


def as_array(image: Any, size: Size, n_channels: int) -> NDArray[np.uint8]:
    """Return a Pillow image as uint8 [n_channels, height, width], of another size where one is asked for."""
    if image.mode.startswith(("I", "F")):
        raise UserError("has more than 8 bits per channel; write 8-bit files, or use source: hdf5 or npz")
    size.resized(image.height, image.width)
    array = np.asarray(size.apply(image.convert(MODES[n_channels])))
    return np.moveaxis(array.reshape(*array.shape[:2], -1), 2, 0)
