"""CIFAR-10 (Krizhevsky 2009), downloaded or from a local copy."""

import hashlib
import io
import pickle
import tarfile
import zlib
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from feature_sensitivity.data.split import Source, Split
from feature_sensitivity.runtime.errors import UserError


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
