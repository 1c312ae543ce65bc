"""As many images as a target relative error needs, so that the cost follows the accuracy that a user asks for."""

import logging
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from feature_sensitivity.evaluation.default_definition import relative_standard_error
from feature_sensitivity.evaluation.feature_extrema import FeatureExtrema

logger = logging.getLogger(__name__)

IMAGES_PER_BLOCK = 16

FEWEST_MOVED = 10
"""Images on which a feature must have moved before its standard error can be trusted: of a feature that moves on 5 % of
the images, a target of 20 % is otherwise reached by chance, with a mean that is 40 % too small."""

RULE_OF_THREE = 3.0
"""What has never happened in n trials happens in at most 3 / n of them, at 95 % (Hanley and Lippman-Hand 1983)."""


def blocks(n_images: int) -> Iterator[slice]:
    """Yield the images in blocks, in their order."""
    return (slice(first, min(first + IMAGES_PER_BLOCK, n_images)) for first in range(0, n_images, IMAGES_PER_BLOCK))


def measure_to_target(
    measure: Callable[[slice], FeatureExtrema],
    n_images: int,
    *,
    features: NDArray[np.int64],
    target_relative_error: float,
) -> FeatureExtrema:
    """Measure block after block, until every feature's relative standard error is at most the target.

    ``measure`` gives the extrema of ``features``, indices [n_features], at a block of images, which must come in random
    order. A feature that has not moved has no relative error; it counts as precise once it is known, at 95 %, to move
    on no larger a share of the images than the target. One that has moved on fewer than ``FEWEST_MOVED`` images does
    not count as precise. All ``n_images`` are taken when the target is not reached.
    """
    parts: list[FeatureExtrema] = []
    for block in blocks(n_images):
        parts.append(measure(block))
        whole = _joined(parts)
        error = relative_standard_error(whole.clean, whole.maximum, whole.minimum)
        n_moved = (whole.maximum != whole.minimum).sum(axis=0)
        unmoved = int((n_moved == 0).sum())
        seldom = features[(n_moved > 0) & (n_moved < FEWEST_MOVED)].tolist()
        logger.info(
            "%d of at most %d images: the largest standard error is %.2f %% of its feature's sensitivity%s",
            block.stop,
            n_images,
            100 * error,
            f"; {unmoved} features have not moved" if unmoved else "",
        )
        enough = not unmoved or block.stop >= RULE_OF_THREE / target_relative_error
        if error <= target_relative_error and enough and not seldom:
            return whole
    logger.warning(
        "the target relative error of %.2g was not reached with all %d images%s",
        target_relative_error,
        n_images,
        f"; features {', '.join(map(str, seldom))} have moved on fewer than {FEWEST_MOVED} of them" if seldom else "",
    )
    return whole


def _joined(parts: Sequence[FeatureExtrema]) -> FeatureExtrema:
    """Return the extrema of all blocks, in their order."""
    return FeatureExtrema(
        clean=np.concatenate([part.clean for part in parts]),
        maximum=np.concatenate([part.maximum for part in parts]),
        minimum=np.concatenate([part.minimum for part in parts]),
        zero_gradient=np.concatenate([part.zero_gradient for part in parts]),
        batch_size=min(part.batch_size for part in parts),
    )
