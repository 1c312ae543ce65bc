"""Fetch a dataset and write it in the common form."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from feature_sensitivity.data.archive_download import fetch_archive
from feature_sensitivity.data.cifar10 import load_cifar10
from feature_sensitivity.data.dataset_file import write_dataset
from feature_sensitivity.data.digits import load_digits
from feature_sensitivity.data.fitting import Size
from feature_sensitivity.data.hdf5 import load_hdf5
from feature_sensitivity.data.image_collections import load_hugging_face, load_image_folder, load_torchvision
from feature_sensitivity.data.npz import load_npz
from feature_sensitivity.data.robust_archive import read_release
from feature_sensitivity.data.split import Source
from feature_sensitivity.data.standardization import Standardization
from feature_sensitivity.runtime.console import job


def load_source(source: Mapping[str, Any], downloads: Path, *, n_channels: int) -> Source:
    """Return the dataset of one entry of ``datasets`` in the config; what is downloaded stays in ``downloads``.

    ``n_channels``: how many channels single images are to have.

    Raises :class:`UserError` when it is missing, damaged or not what it should be.
    """
    path = Path(source["path"]) if source.get("path") else None
    size = Size(source.get("resize"), source.get("center_crop"), source.get("interpolation", "bilinear"))
    paths = {name: Path(source[name]) for name in ("train", "test") if source.get(name)}
    fit: dict[str, Any] = {"size": size, "n_channels": n_channels}
    match source["source"]:
        case "cifar10":
            return load_cifar10(path, downloads)
        case "digits":
            return load_digits(size=source["size"])
        case "hdf5" if path:
            return load_hdf5(path, size)
        case "npz":
            return load_npz(paths, size)
        case "image_folder":
            return load_image_folder(paths, outputs=source.get("classes"), **fit)
        case "torchvision" if path:
            return load_torchvision(source["name"], path, download=source.get("download", False), **fit)
        case "hugging_face" if path:
            return load_hugging_face(path, image=source["image"], label=source["label"], **fit)
        case _:
            archive = path or fetch_archive(urls=source["urls"], expected_sha256=source["sha256"], folder=downloads)
            return read_release(archive)


if "snakemake" in globals():
    with job(Path(snakemake.log[0]), f"fetch_dataset {snakemake.wildcards.dataset}"):
        standardization = Standardization.from_mapping(snakemake.params.standardization)
        n_channels = len(standardization.mean)
        write_dataset(
            Path(snakemake.output[0]),
            load_source(snakemake.params.source, Path(snakemake.params.downloads), n_channels=n_channels),
            standardization,
            settings=snakemake.params.settings,
        )
