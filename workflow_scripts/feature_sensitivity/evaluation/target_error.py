"""As many images as a given precision needs: the cost follows the accuracy that a user asks for."""

import logging
from collections.abc import Callable, Iterator

import numpy as np

from feature_sensitivity.evaluation.feature_extrema import Extremes
from feature_sensitivity.evaluation.sensitivity import DEFAULT_DEFINITION, relative_standard_error

logger = logging.getLogger(__name__)

IMAGES_PER_BLOCK = 16

RULE_OF_THREE = 3.0
"""What has never happened in n trials happens in at most 3 / n of them, at 95 % (Hanley and Lippman-Hand 1983)."""


def blocks(n_images: int) -> Iterator[slice]:
    """The images in blocks, in their order."""
    return (slice(first, min(first + IMAGES_PER_BLOCK, n_images)) for first in range(0, n_images, IMAGES_PER_BLOCK))


def measure_until_precise(measure: Callable[[slice], Extremes], n_images: int, *, precision: float) -> Extremes:
    """Measure block after block, until every feature's relative standard error is at most ``precision``.

    ``measure`` gives the extremes of a block of images, which must come in random order. A feature that has not moved
    has no relative error; it counts as precise once it is known, at 95 %, to move on no larger a share of the images
    than ``precision``. All ``n_images`` are taken when the precision is not reached.
    """
    so_far: list[Extremes] = []
    for block in blocks(n_images):
        so_far.append(measure(block))
        whole = Extremes(
            **{
                name: np.concatenate([getattr(part, name) for part in so_far])
                for name in ("clean", "maximum", "minimum", "zero_gradient")
            },
            batch_size=min(part.batch_size for part in so_far),
        )
        error = relative_standard_error(whole.clean, whole.maximum, whole.minimum, definition=DEFAULT_DEFINITION)
        unmoved = int((whole.maximum == whole.minimum).all(axis=0).sum())
        logger.info(
            "%d of at most %d images: the largest standard error is %.2f %% of its feature's sensitivity%s",
            *(block.stop, n_images, 100 * error, f"; {unmoved} features have not moved" if unmoved else ""),
        )
        if error <= precision and (not unmoved or block.stop >= RULE_OF_THREE / precision):
            break
    else:
        logger.warning("the precision of %.2g was not reached with all %d images", precision, n_images)
    return whole
