"""Join the shards of a sensitivity measurement: the same file as without shards."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from feature_sensitivity.evaluation.sensitivity_file import load_sensitivity, write_sensitivity
from feature_sensitivity.runtime.console import job

OF_IMAGES = ["clean", "maximum", "minimum", "label", "image_index"]


def gather_sensitivity(shards: Sequence[Path], output: Path) -> None:
    """Write the images of all ``shards`` to ``output``, in the dataset's order, with sensitivities from all of them.

    Raises :class:`UserError` when a shard is damaged.
    """
    parts = [load_sensitivity(shard) for shard in shards]
    images = xr.concat([part[OF_IMAGES] for part in parts], dim="image").sortby("image_index")
    first = parts[0]
    write_sensitivity(
        output,
        **{name: images[name].values for name in OF_IMAGES},
        zero_gradient=joined_shares(parts),
        weight=first["weight"].values,
        feature_index=first["feature_index"].values,
        # A shard whose memory ran out has a smaller batch than the others.
        attributes={**first.attrs, "batch_size": min(part.attrs["batch_size"] for part in parts)},
    )


def joined_shares(parts: Sequence[xr.Dataset]) -> NDArray[np.float32]:
    """Return the share of images without a gradient over all shards, from their counts, which are exact."""
    n_images = [part.sizes["image"] for part in parts]
    counts = sum(np.rint(part["zero_gradient"].values * n) for part, n in zip(parts, n_images, strict=True))
    return (counts / sum(n_images)).astype(np.float32)


if "snakemake" in globals():
    with job(Path(snakemake.log[0]), f"gather_sensitivity {Path(snakemake.output[0]).stem}"):
        gather_sensitivity([Path(shard) for shard in snakemake.input.shards], Path(snakemake.output[0]))
