"""Images of another size: the shorter side resized, then the center cut out."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torchvision.transforms.v2 import functional as F

from feature_sensitivity.data.lazy_images import LazyImages


def fitted(images: Any, *, resize: int | None, center_crop: int | None) -> Any:
    """Return images whose shorter side is resized to these pixels, bilinearly, and then the center cut out, unread."""
    if resize is None and center_crop is None:
        return images

    def fit(array: NDArray[Any]) -> NDArray[Any]:
        tensor = torch.from_numpy(array)
        if resize is not None:
            tensor = F.resize(tensor, [resize], antialias=True)
        if center_crop is not None:
            tensor = F.center_crop(tensor, [center_crop])
        return tensor.clamp(0, 1).numpy() if tensor.is_floating_point() else tensor.numpy()

    shape = fit(np.zeros((1, *images.shape[1:]), images.dtype)).shape[1:]
    return LazyImages(lambda places: fit(images[places]), (len(images), *shape), images.dtype)
