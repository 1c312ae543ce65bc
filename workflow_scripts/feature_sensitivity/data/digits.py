"""scikit-learn's handwritten digits."""

import numpy as np
import torch
from torch.nn import functional as F

from feature_sensitivity.data.cifar10 import _sha256
from feature_sensitivity.data.split import Source, Split


def load_digits(*, size: int) -> Source:
    """scikit-learn's 1,797 handwritten digits, 3 equal channels, enlarged bilinearly to ``size`` x ``size``.

    Every fifth image of a fixed random order is a test image.
    """
    import sklearn.datasets

    digits = sklearn.datasets.load_digits()
    pixels = torch.from_numpy(digits.images).float()[:, None] / 16
    enlarged = F.interpolate(pixels, size=(size, size), mode="bilinear", align_corners=False)
    images = (enlarged * 255).round().to(torch.uint8).expand(-1, 3, -1, -1).numpy()
    labels = digits.target.astype(np.int64)
    order = np.random.Generator(np.random.PCG64(0)).permutation(len(labels))
    test, train = np.sort(order[::5]), np.sort(np.delete(order, np.s_[::5]))
    splits = {"train": Split(images[train], labels[train]), "test": Split(images[test], labels[test])}
    return Source(splits, "scikit-learn's handwritten digits", _sha256([images.tobytes(), labels.tobytes()]))
