"""scikit-learn's handwritten digits."""

import numpy as np
import sklearn.datasets
import torch
from torch.nn import functional as F

from feature_sensitivity.data.split import Source, Split
from feature_sensitivity.runtime.files import sha256_of_parts


def load_digits(*, size: int) -> Source:
    """Return the 1,797 digits, 3 equal channels, enlarged bilinearly to ``size`` x ``size``.

    Every fifth image of a fixed random order is a test image.
    """
    digits = sklearn.datasets.load_digits()
    pixels = torch.from_numpy(digits.images).float()[:, None] / 16
    enlarged = F.interpolate(pixels, size=(size, size), mode="bilinear", align_corners=False)
    images = (enlarged * 255).round().to(torch.uint8).expand(-1, 3, -1, -1).numpy()
    labels = digits.target.astype(np.int64)
    order = np.random.Generator(np.random.PCG64(0)).permutation(len(labels))
    test, train = np.sort(order[::5]), np.sort(np.delete(order, np.s_[::5]))
    splits = {"train": Split(images[train], labels[train]), "test": Split(images[test], labels[test])}
    sha256 = sha256_of_parts([images.tobytes(), labels.tobytes()])
    return Source(splits, "scikit-learn's handwritten digits", sha256)
