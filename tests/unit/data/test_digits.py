import numpy as np

from feature_sensitivity.data.digits import load_digits


def test_digits_are_what_they_say():
    source = load_digits(size=16)
    train, test = source.splits["train"], source.splits["test"]
    assert (len(train.labels), len(test.labels)) == (1437, 360)
    assert train.images.shape == (1437, 3, 16, 16)
    assert train.images.dtype == np.uint8
    assert (train.images[:, 0] == train.images[:, 2]).all()
    assert set(train.labels) == set(test.labels) == set(range(10))
    assert source.sha256 == load_digits(size=16).sha256
