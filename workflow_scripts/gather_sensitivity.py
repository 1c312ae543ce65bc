"""Put the shards of a sensitivity measurement together: the same file as without shards."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from feature_sensitivity.evaluation.sensitivity_file import SensitivityFile, read_sensitivity, write_sensitivity
from feature_sensitivity.runtime.console import job


def joined_shares(shards: Sequence[SensitivityFile]) -> NDArray[np.float32]:
    """The share of images without a gradient over all shards, by way of their counts, which are exact."""
    sizes = [len(shard.image_index) for shard in shards]
    counts = sum(np.rint(shard.zero_gradient * size) for shard, size in zip(shards, sizes, strict=True))
    return (counts / sum(sizes)).astype(np.float32)


def main(snakemake: Any) -> None:
    """Unpack the rule."""
    with job(Path(snakemake.log[0]), f"gather_sensitivity {Path(snakemake.output[0]).stem}"):
        shards = [read_sensitivity(Path(path)) for path in snakemake.input.shards]
        image_index = np.concatenate([shard.image_index for shard in shards])
        order = np.argsort(image_index)
        first = shards[0]
        by_image = {
            name: np.concatenate([getattr(shard, name) for shard in shards])[order]
            for name in ("clean", "maximum", "minimum", "label")
        }
        write_sensitivity(
            Path(snakemake.output[0]),
            **by_image,
            zero_gradient=joined_shares(shards),
            weight=first.weight,
            image_index=image_index[order],
            feature_index=first.feature_index,
            # A shard whose memory ran out has a smaller batch than the others.
            attributes={
                **first.attributes,
                "batch_size": min(shard.attributes["batch_size"] for shard in shards),
            },
        )


if "snakemake" in globals():
    main(snakemake)
