"""Fetch a dataset and write it in the common form."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from feature_sensitivity.data.archive_download import fetch_archive
from feature_sensitivity.data.cifar10 import load_cifar10
from feature_sensitivity.data.dataset_file import write_dataset
from feature_sensitivity.data.digits import load_digits
from feature_sensitivity.data.hdf5 import load_hdf5
from feature_sensitivity.data.robust_archive import read_release
from feature_sensitivity.data.split import Source
from feature_sensitivity.data.standardization import Standardization
from feature_sensitivity.runtime.console import job


def load_source(source: Mapping[str, Any], downloads: Path) -> Source:
    """Return the dataset of one entry of ``datasets`` in the config; what is downloaded stays in ``downloads``.

    Raises :class:`UserError` when it is missing, damaged or not what it should be.
    """
    path = Path(source["path"]) if source.get("path") else None
    match source["source"]:
        case "cifar10":
            return load_cifar10(path, downloads)
        case "digits":
            return load_digits(size=source["size"])
        case "hdf5" if path:
            return load_hdf5(path)
        case _:
            archive = path or fetch_archive(urls=source["urls"], expected_sha256=source["sha256"], folder=downloads)
            return read_release(archive)


if "snakemake" in globals():
    with job(Path(snakemake.log[0]), f"fetch_dataset {snakemake.wildcards.dataset}"):
        write_dataset(
            Path(snakemake.output[0]),
            load_source(snakemake.params.source, Path(snakemake.params.downloads)),
            Standardization.from_mapping(snakemake.params.standardization),
            settings=snakemake.params.settings,
        )
