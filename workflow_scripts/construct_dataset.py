"""Construct a part of a robust dataset from a trained model."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from feature_sensitivity.config.construction import ConstructionSettings
from feature_sensitivity.data.dataset_file import read_split, read_standardization, write_dataset
from feature_sensitivity.data.split import Source
from feature_sensitivity.networks.checkpoints import load_checkpoint
from feature_sensitivity.networks.expected_files import check_files
from feature_sensitivity.runtime.console import job, logger
from feature_sensitivity.runtime.devices import best_device
from feature_sensitivity.runtime.files import sha256_of_file
from feature_sensitivity.runtime.partial_results import delete_partial_results
from feature_sensitivity.training.construction import construct, images_of_part


def construct_dataset(
    *,
    original: Path,
    teacher: Path,
    section: Mapping[str, Any],
    part: int,
    seed: int,
    unfinished_folder: Path,
    output: Path,
) -> None:
    """Write part 1, 2, ... of a dataset that is constructed from the images of ``original`` and a trained teacher.

    ``section``: the dataset's entry in the config. ``unfinished_folder``: what an interrupted construction
    continues from.
    """
    device = best_device()
    split = read_split(original, "train")
    standardization = read_standardization(original)
    settings = ConstructionSettings.from_config(section, seed=seed)
    n_images = len(split.labels)
    model = load_checkpoint(teacher)
    if not model.network.has_surrogate:
        logger.warning("the teacher has no last ReLU that lets gradients pass as the identity; its own are used")
    constructed = construct(
        teacher=model.network,
        split=split,
        index=images_of_part(
            min(section["images"] or n_images, n_images),
            part=part,
            n_parts=section["shards"],
            batch_size=settings.batch_size,
        ),
        standardization=model.standardization,
        settings=settings,
        device=device,
        unfinished_folder=unfinished_folder,
    )
    source = Source({"train": constructed}, f"part {part} of {section['shards']}", sha256_of_file(teacher))
    write_dataset(output, source, standardization)
    delete_partial_results(unfinished_folder)


if "snakemake" in globals():
    with job(
        Path(snakemake.log[0]), f"construct_dataset {snakemake.wildcards.dataset}, part {snakemake.wildcards.part}"
    ):
        check_files(dict(snakemake.input.items()), snakemake.params.expected)
        construct_dataset(
            original=Path(snakemake.input.original),
            teacher=Path(snakemake.input.teacher),
            section=snakemake.params.source,
            part=int(snakemake.wildcards.part),
            seed=snakemake.params.seed,
            unfinished_folder=Path(snakemake.params.unfinished_folder),
            output=Path(snakemake.output[0]),
        )
