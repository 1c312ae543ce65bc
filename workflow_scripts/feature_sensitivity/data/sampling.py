"""Which test images are measured."""

import numpy as np
from numpy.typing import NDArray

from feature_sensitivity.runtime.errors import UserError


def random_test_images(n_test: int, n_images: int, *, seed: int, key: str) -> NDArray[np.int64]:
    """Return the sorted indices of ``n_images`` random test images, a function of the numbers alone.

    ``key`` is the entry of the config that asks for them, for the message of the :class:`UserError` that is raised
    when there are too few.
    """
    if n_images > n_test:
        raise UserError(f"{key} asks for {n_images} images, but the test split has {n_test}; ask for at most that")
    return np.sort(np.random.Generator(np.random.PCG64(seed)).permutation(n_test)[:n_images]).astype(np.int64)
