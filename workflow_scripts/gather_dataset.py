"""Put the parts of a constructed dataset together."""

from pathlib import Path
from typing import Any

from feature_sensitivity.data.dataset_file import join_splits, read_split, read_standardization, write_dataset
from feature_sensitivity.data.split import Source
from feature_sensitivity.runtime.console import job, logger
from feature_sensitivity.runtime.files import sha256_of_file


def main(snakemake: Any) -> None:
    """Unpack the rule."""
    source, parts = snakemake.params.source, [Path(path) for path in snakemake.input.parts]
    with job(Path(snakemake.log[0]), f"gather_dataset {snakemake.wildcards.dataset}"):
        split = join_splits([read_split(path, "train") for path in parts])
        standardization = read_standardization(parts[0])
        distance = split.details["relative_distance"].mean()
        logger.info("the mean relative representation distance fell from 1 to %.3f", distance)
        early = f", fewer where the relative distance fell to {source['tolerance']}" if source["tolerance"] else ""
        description = (
            f"constructed after Ilyas et al. (2019) from model {source['teacher']}: {source['steps']} steps of "
            f"l2 length {source['step_size']}{early}; mean relative representation distance {distance:.3f}"
        )
        gathered = Source({"train": split}, description, sha256_of_file(Path(snakemake.input.teacher)))
        write_dataset(Path(snakemake.output[0]), gathered, standardization)


if "snakemake" in globals():
    main(snakemake)
