"""Images of another size: the shorter side resized, then the center cut out, alike for image files and for arrays."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from feature_sensitivity.data.lazy_images import LazyImages
from feature_sensitivity.data.split_check import TYPES, images_together, range_fault
from feature_sensitivity.runtime.errors import UserError

MOST_PIXELS = 50_000_000
"""Of one image, which then takes some 0.4 GB of memory; photographs have fewer."""


@dataclass(frozen=True)
class Size:
    """How images become images of one size.

    ``resize`` is the length of the shorter side in pixels, ``center_crop`` the side of the square that is cut out; None
    leaves them. ``interpolation`` is a filter of Pillow, which all but ``nearest`` antialias, as torchvision, timm and
    RobustBench apply them to image files.
    """

    resize: int | None = None
    center_crop: int | None = None
    interpolation: str = "bilinear"

    def resized(self, height: int, width: int) -> tuple[int, int]:
        """Return height and width before the center is cut out; raise :class:`UserError` where that cannot be done."""
        found = height, width
        if self.resize is not None and min(found) > 0:
            longer = int(self.resize * max(found) / min(found))
            found = (self.resize, longer) if height <= width else (longer, self.resize)
        if found[0] * found[1] > MOST_PIXELS:
            raise UserError(
                f"has {height} x {width} pixels{'' if self.resize is None else f', resized {found[0]} x {found[1]}'}, "
                f"more than {MOST_PIXELS:,}, which is not read; make it smaller"
            )
        if self.center_crop is not None and self.center_crop > min(found):
            raise UserError(
                f"has {found[0]} x {found[1]} pixels, from which center_crop: {self.center_crop} cannot be cut out; "
                "write a smaller center_crop, or a larger resize"
            )
        return found

    def of(self, height: int, width: int) -> tuple[int, int]:
        """Return height and width of the result."""
        found = self.resized(height, width)
        return found if self.center_crop is None else (self.center_crop, self.center_crop)

    def apply(self, image: Image.Image) -> Image.Image:
        """Return an image of this size."""
        height, width = self.resized(image.height, image.width)
        if (height, width) != (image.height, image.width):
            image = image.resize((width, height), Image.Resampling[self.interpolation.upper()])
        if self.center_crop is None:
            return image
        top, left = (round((length - self.center_crop) / 2) for length in (height, width))
        return image.crop((left, top, left + self.center_crop, top + self.center_crop))


UNCHANGED = Size()


def fitted(images: Any, size: Size, where: str) -> Any:
    """Return arrays of images [n, channels, height, width] of another size, still unread.

    Raises :class:`UserError`, now or on reading, when they are too small to cut out the center, or float images are not
    in [0, 1]. Interpolation may overshoot that range, and is cut off there as it is in 8-bit images.
    """
    if (size.resize is None and size.center_crop is None) or images.ndim != 4 or images.dtype not in TYPES:
        return images  # the check of the split refuses what are no images
    try:
        shape = (*images.shape[:2], *size.of(*images.shape[2:]))
    except UserError as error:
        raise UserError(f"{where}: each image {error}") from error

    def read(places: NDArray[np.int64]) -> NDArray[Any]:
        rows = np.empty((len(places), *shape[1:]), images.dtype)
        together = images_together(images, 64)
        for first in range(0, len(places), together):
            block = images[places[first : first + together]]
            if fault := range_fault(block):
                raise UserError(f"{where}: {fault}")
            for i, j in np.ndindex(block.shape[:2]):
                rows[first + i, j] = size.apply(Image.fromarray(np.ascontiguousarray(block[i, j])))
        return rows.clip(0, 1) if images.dtype == np.float32 else rows

    return LazyImages(read, shape, images.dtype)
