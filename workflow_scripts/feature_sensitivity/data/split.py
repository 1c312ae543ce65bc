"""Images with labels, and where they came from."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from feature_sensitivity.data.lazy_images import LazyImages


@dataclass(frozen=True)
class Split:
    """Images [n, channels, height, width], uint8 or float32 in [0, 1], and labels int64 [n].

    Images may be :class:`.lazy_images.LazyImages`, which gives arrays when it is indexed.

    ``details`` are further arrays [n, ...] by name, such as how an image was made. ``identity``: the content hash of a
    split that was read from a dataset file.
    """

    images: NDArray[Any]
    labels: NDArray[np.int64]
    details: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    identity: str = ""

    def subset(self, index: NDArray[np.int64]) -> "Split":
        """Return the images with these indices and their labels, without details."""
        images: Any = self.images.take(index) if isinstance(self.images, LazyImages) else self.images[index]
        return Split(images, self.labels[index])


@dataclass(frozen=True)
class Source:
    """Splits by name, a phrase that says where they come from, and the SHA-256 of what was read.

    ``classes``: the name of each label where the source has names, empty for a label without one.
    """

    splits: Mapping[str, Split]
    description: str
    sha256: str
    classes: Sequence[str] = ()
