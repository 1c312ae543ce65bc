import numpy as np
import pytest

from feature_sensitivity.data.sampling import random_test_images
from feature_sensitivity.runtime.errors import UserError


def test_random_test_images_are_a_function_of_their_arguments():
    chosen = random_test_images(1000, 50, seed=3, key="key")
    assert np.array_equal(chosen, random_test_images(1000, 50, seed=3, key="key"))
    assert not np.array_equal(chosen, random_test_images(1000, 50, seed=4, key="key"))
    assert len(set(chosen)) == 50
    assert (np.diff(chosen) > 0).all()
    with pytest.raises(UserError, match="key asks for 11 images, but the test split has 10"):
        random_test_images(10, 11, seed=0, key="key")
