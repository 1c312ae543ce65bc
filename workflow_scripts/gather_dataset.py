"""Join the parts of a constructed dataset."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from feature_sensitivity.config.attack import after_first_step
from feature_sensitivity.data.dataset_file import join_splits, read_split, read_standardization, write_dataset
from feature_sensitivity.data.split import Source
from feature_sensitivity.runtime.console import job, logger
from feature_sensitivity.runtime.files import sha256_of_file


def gather_dataset(
    parts: Sequence[Path], output: Path, *, source: Mapping[str, Any], teacher: Path, settings: Mapping[str, Any]
) -> None:
    """Write the images of all ``parts``, in their order, to ``output``.

    ``source`` is the dataset's entry in the config and ``teacher`` its model file; the description and the SHA-256 of
    the dataset come from them. ``settings`` are kept in the file, which shows by them that it is this dataset.
    Raises :class:`UserError` when a part is missing or malformed.
    """
    split = join_splits([read_split(part, "train") for part in parts])
    standardization = read_standardization(parts[0])
    distance = split.details["relative_distance"].mean()
    logger.info("the mean relative representation distance fell from 1 to %.3f", distance)
    early = f", fewer where the relative distance fell to {source['tolerance']}" if source["tolerance"] else ""
    description = (
        f"constructed after Ilyas et al. (2019) from model {source['teacher']}: {source['steps']} steps of "
        f"l2 length {source['step_size']}{after_first_step(source)}{early}; "
        f"mean relative representation distance {distance:.3f}"
    )
    write_dataset(
        output, Source({"train": split}, description, sha256_of_file(teacher)), standardization, settings=settings
    )


if "snakemake" in globals():
    with job(Path(snakemake.log[0]), f"gather_dataset {snakemake.wildcards.dataset}"):
        gather_dataset(
            [Path(part) for part in snakemake.input.parts],
            output=Path(snakemake.output[0]),
            source=snakemake.params.source,
            teacher=Path(snakemake.input.teacher),
            settings=snakemake.params.settings,
        )
