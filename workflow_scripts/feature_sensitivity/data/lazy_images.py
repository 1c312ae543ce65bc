"""Images that stay on disk until they are asked for, so that memory does not grow with a dataset."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray


class LazyImages:
    """What :class:`.split.Split` needs of an array of images [n, channels, height, width].

    ``read`` gives those at the places int64 [m], each place only once and in ascending order.
    """

    def __init__(self, read: Callable[[NDArray[np.int64]], NDArray[Any]], shape: Sequence[int], dtype: Any) -> None:
        self._read = read
        self.shape = tuple(shape)
        self.ndim = len(self.shape)
        self.dtype = np.dtype(dtype)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, places: Any) -> NDArray[Any]:
        """Return images as an array, by a slice or by their places, int64 [m], in any order."""
        chosen, inverse = np.unique(np.arange(len(self))[places], return_inverse=True)
        return self._read(chosen)[inverse] if len(chosen) else np.empty((0, *self.shape[1:]), self.dtype)

    def take(self, places: NDArray[np.int64]) -> "LazyImages":
        """Return the images at these places, still unread."""
        return LazyImages(lambda chosen: self[places[chosen]], (len(places), *self.shape[1:]), self.dtype)


def images_in_hdf5(path: Path, name: str, check: Callable[[NDArray[np.int64], NDArray[Any]], None]) -> LazyImages:
    """Return the images that an HDF5 file holds under ``name``; ``check`` gets what was read, and its places."""

    def read(places: NDArray[np.int64]) -> NDArray[Any]:
        with h5py.File(path, "r") as file:
            images = np.asarray(file[name][places])
        check(places, images)
        return images

    with h5py.File(path, "r") as file:
        return LazyImages(read, file[name].shape, file[name].dtype)
