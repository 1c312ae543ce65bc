"""One form for every dataset: an HDF5 file with images, labels and the constants that standardize them."""

import hashlib
import io
import pickle
import tarfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from feature_sensitivity.files import UserError, sha256_of_file, write_whole


@dataclass(frozen=True)
class Split:
    """Images [n, channels, height, width], uint8 or float32 in [0, 1], and labels int64 [n].

    ``details`` are further arrays [n, ...] by name, such as how an image was made.
    """

    images: NDArray[Any]
    labels: NDArray[np.int64]
    details: Mapping[str, NDArray[Any]] = field(default_factory=dict)


@dataclass(frozen=True)
class Source:
    """Where splits came from: a phrase for people, and the SHA-256 of what was read."""

    splits: Mapping[str, Split]
    description: str
    sha256: str


def check_split(split: Split, where: str) -> None:
    """Raise :class:`UserError` unless images and labels have the documented shapes, types and ranges."""
    images, labels = split.images, split.labels
    faults = []
    if images.ndim != 4 or images.dtype not in (np.uint8, np.float32):
        faults.append(
            f"images are {images.dtype} {list(images.shape)}, expected uint8 or float32 [n, channels, height, width]"
        )
    elif images.dtype == np.float32 and not (images.min(initial=0) >= 0 and images.max(initial=0) <= 1):
        faults.append(f"float images range over [{images.min():.3g}, {images.max():.3g}], expected [0, 1]")
    if labels.ndim != 1 or labels.dtype != np.int64:
        faults.append(f"labels are {labels.dtype} {list(labels.shape)}, expected int64 [n]")
    elif len(labels) != len(images) or len(labels) == 0:
        faults.append(f"{len(images)} images but {len(labels)} labels")
    elif labels.min() < 0:
        faults.append(f"the smallest label is {labels.min()}, expected classes 0, 1, ...")
    if faults:
        raise UserError(f"{where}: {'; '.join(faults)}")


def write_dataset(path: Path, source: Source, *, mean: Sequence[float], std: Sequence[float]) -> None:
    """Write the splits in the common form; ``mean`` and ``std`` are per channel, for images in [0, 1]."""
    for name, split in source.splits.items():
        check_split(split, f"{source.description}, {name} split")
        if split.images.shape[1] != len(mean):
            raise UserError(
                f"{source.description} has {split.images.shape[1]} channels, but standardization.mean in the config "
                f"has {len(mean)} numbers; give one per channel"
            )
    buffer = io.BytesIO()
    with h5py.File(buffer, "w") as file:
        for name, split in source.splits.items():
            file.create_dataset(
                f"{name}/images",
                data=split.images,
                chunks=(min(64, len(split.images)), *split.images.shape[1:]),
                compression="lzf",
            )
            file.create_dataset(f"{name}/labels", data=split.labels)
            for detail, values in split.details.items():
                file.create_dataset(f"{name}/{detail}", data=values)
        file.attrs.update(mean=mean, std=std, source=source.description, sha256=source.sha256)
    write_whole(path, buffer.getvalue())


def read_split(path: Path, name: str) -> Split:
    """One split of a dataset file; :class:`UserError` when it is missing or malformed."""
    try:
        with h5py.File(path, "r") as file:
            if name not in file:
                raise UserError(f"{path} has no {name} split; choose a dataset that has one")
            arrays = {key: values[:] for key, values in file[name].items() if getattr(values, "ndim", 0)}
        split = Split(arrays.pop("images"), arrays.pop("labels"), arrays)
    except (OSError, KeyError) as error:
        raise UserError(
            f"{path} is not a dataset of this workflow ({error}); delete it and run the same command again"
        ) from error
    check_split(split, f"{path}, {name} split")
    return split


def join_splits(parts: Sequence[Split]) -> Split:
    """One split from its parts, in their order."""
    return Split(
        np.concatenate([part.images for part in parts]),
        np.concatenate([part.labels for part in parts]),
        {name: np.concatenate([part.details[name] for part in parts]) for name in parts[0].details},
    )


def read_standardization(path: Path) -> tuple[list[float], list[float]]:
    """The per-channel ``mean`` and ``std`` of a dataset file."""
    with h5py.File(path, "r") as file:
        return file.attrs["mean"].tolist(), file.attrs["std"].tolist()


def to_unit_range(images: Tensor) -> Tensor:
    """Float32 images in [0, 1] from uint8 or float32 ones."""
    return images.float() / 255 if images.dtype == torch.uint8 else images


def standardize(images: Tensor, mean: Sequence[float], std: Sequence[float]) -> Tensor:
    """Float32 images in standardized units, ``(x - mean) / std`` per channel."""
    shape = (1, -1, 1, 1)
    unit = to_unit_range(images)
    return (unit - unit.new_tensor(mean).reshape(shape)) / unit.new_tensor(std).reshape(shape)


def random_test_images(n_test: int, n_images: int, seed: int, key: str) -> NDArray[np.int64]:
    """The sorted indices of ``n_images`` random test images: a function of the numbers alone.

    ``key`` is what asks for them in the config, for the message when there are too few.
    """
    if n_images > n_test:
        raise UserError(f"{key} asks for {n_images} images, but the test split has {n_test}; ask for at most that")
    return np.sort(np.random.Generator(np.random.PCG64(seed)).permutation(n_test)[:n_images]).astype(np.int64)


def load_cifar10(path: Path | None, download_folder: Path) -> Source:
    """CIFAR-10 (Krizhevsky 2009), read from a local folder or archive, or else downloaded.

    Args:
        path: a ``cifar-10-batches-py`` folder, a folder that holds one, or ``cifar-10-python.tar.gz``.
        download_folder: where torchvision puts the archive, whose MD5 it checks, when there is no ``path``.
    """
    if path is None:
        from torchvision.datasets import CIFAR10

        try:
            CIFAR10(str(download_folder), download=True)
        except (OSError, RuntimeError) as error:
            raise UserError(
                f"CIFAR-10 could not be downloaded ({error}); fetch cifar-10-python.tar.gz by hand "
                "and name it in the config, datasets.cifar10.path"
            ) from error
        path = download_folder / "cifar-10-python.tar.gz"
    members = _read_members(path, CIFAR10_MEMBERS)
    batches = {name: _unpickle(content, f"{path}, {name}") for name, content in members.items()}
    splits = {}
    for split, names in (("train", CIFAR10_MEMBERS[:5]), ("test", CIFAR10_MEMBERS[5:])):
        images = np.concatenate([np.asarray(batches[name]["data"], np.uint8).reshape(-1, 3, 32, 32) for name in names])
        labels = np.concatenate([np.asarray(batches[name]["labels"], np.int64) for name in names])
        splits[split] = Split(images, labels)
    return Source(splits, f"CIFAR-10 ({path.name})", _sha256(members.values()))


CIFAR10_MEMBERS = [*(f"data_batch_{k}" for k in range(1, 6)), "test_batch"]


def _read_members(path: Path, names: Sequence[str]) -> dict[str, bytes]:
    """The named files of a folder or tar archive, by base name; nothing is extracted."""
    if not path.exists():
        raise UserError(
            f"{path}, named in the config, does not exist; correct datasets.cifar10.path or set it to null to download"
        )
    try:
        if path.is_dir():
            found = {file.name: file.read_bytes() for file in sorted(path.glob("**/*")) if file.name in names}
        else:
            found = {}
            with tarfile.open(path) as archive:
                for member in archive:
                    name = Path(member.name).name
                    handle = archive.extractfile(member) if name in names else None
                    if handle:
                        found[name] = handle.read()
    except (tarfile.TarError, EOFError, zlib.error) as error:
        raise UserError(f"{path} is not a whole tar archive ({error}); fetch it again") from error
    missing = [name for name in names if name not in found]
    if missing:
        raise UserError(f"{path} lacks {', '.join(missing)}; it should hold the Python version of CIFAR-10")
    return {name: found[name] for name in names}


class _ArraysOnly(pickle.Unpickler):
    """Loads NumPy arrays and builtins, and nothing that could run code."""

    ALLOWED = frozenset(
        [
            ("numpy", "ndarray"),
            ("numpy", "dtype"),
            ("numpy.core.multiarray", "_reconstruct"),
            ("numpy._core.multiarray", "_reconstruct"),
            ("numpy._core.numeric", "_frombuffer"),
            ("_codecs", "encode"),
        ]
    )

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) not in self.ALLOWED:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}")
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)


def _unpickle(content: bytes, where: str) -> dict[str, Any]:
    try:
        batch = _ArraysOnly(io.BytesIO(content), encoding="latin1").load()
    except Exception as error:
        raise UserError(f"{where} is not a CIFAR-10 batch ({error}); fetch the archive again") from error
    if not (isinstance(batch, dict) and {"data", "labels"} <= batch.keys()):
        raise UserError(f"{where} is not a CIFAR-10 batch (no data and labels in it); fetch the archive again")
    return batch


def _sha256(contents: Iterable[bytes]) -> str:
    digest = hashlib.sha256()
    for content in contents:
        digest.update(content)
    return digest.hexdigest()


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


def load_hdf5(path: Path) -> Source:
    """A dataset that is already in the common form."""
    if not path.is_file():
        raise UserError(
            f"{path}, named in the config, does not exist; name an HDF5 file with train/images and train/labels"
        )
    splits = {"train": read_split(path, "train")}
    with h5py.File(path, "r") as file:
        has_test = "test" in file
    if has_test:
        splits["test"] = read_split(path, "test")
    return Source(splits, path.name, sha256_of_file(path))
