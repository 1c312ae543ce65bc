"""Join the shards of a sensitivity measurement: the same file as without shards."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from feature_sensitivity.evaluation.netcdf import load_netcdf
from feature_sensitivity.evaluation.sensitivity_file import DIMENSIONS, write_sensitivity
from feature_sensitivity.runtime.console import job
from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.runtime.identity import ADVICE, CONTENT

OF_IMAGES = ["clean", "maximum", "minimum", "label", "image_index"]
OF_ALL = ["weight", "feature_index"]
MAY_DIFFER = ("batch_size", "device", CONTENT)
"""Attributes of where a shard was measured, and of its own images."""


def gather_sensitivity(shards: Sequence[Path], output: Path) -> None:
    """Write the images of all ``shards`` to ``output``, in the dataset's order, with sensitivities from all of them.

    Raises :class:`UserError` when a shard is damaged, or of another measurement than the first.
    """
    parts = [load_netcdf(shard, DIMENSIONS) for shard in shards]
    check_shards(shards, parts)
    images = xr.concat([part[OF_IMAGES] for part in parts], dim="image").sortby("image_index")
    first = parts[0]
    write_sensitivity(
        output,
        **{name: images[name].values for name in OF_IMAGES},
        zero_gradient=joined_shares(parts, "zero_gradient"),
        at_cap=joined_shares(parts, "at_cap"),
        weight=first["weight"].values,
        feature_index=first["feature_index"].values,
        # A shard whose memory ran out has a smaller batch than the others.
        attributes={**first.attrs, "batch_size": min(part.attrs["batch_size"] for part in parts)},
    )


def check_shards(shards: Sequence[Path], parts: Sequence[xr.Dataset]) -> None:
    """Raise :class:`UserError` unless all shards are of one measurement, each of other images."""
    first, seen = parts[0], np.empty(0, np.int64)
    for path, part in zip(shards, parts, strict=True):
        other = [
            name
            for name in sorted(first.attrs.keys() | part.attrs.keys())
            if name not in MAY_DIFFER and not np.array_equal(first.attrs.get(name), part.attrs.get(name))
        ]
        other += [name for name in OF_ALL if not np.array_equal(first[name].values, part[name].values)]
        images = part["image_index"].values
        if other or np.isin(images, seen).any():
            raise UserError(
                f"{path} does not belong to {shards[0]}: {', '.join(other) or 'some images'} "
                f"{'differ' if other else 'are in several shards'}; {ADVICE}"
            )
        seen = np.concatenate([seen, images])


def joined_shares(parts: Sequence[xr.Dataset], name: str) -> NDArray[np.float32]:
    """Return a share of images over all shards, from their counts, which are exact."""
    n_images = [part.sizes["image"] for part in parts]
    counts = sum(np.rint(part[name].values * n) for part, n in zip(parts, n_images, strict=True))
    return (counts / sum(n_images)).astype(np.float32)


if "snakemake" in globals():
    with job(Path(snakemake.log[0]), f"gather_sensitivity {Path(snakemake.output[0]).stem}"):
        gather_sensitivity([Path(shard) for shard in snakemake.input.shards], Path(snakemake.output[0]))
