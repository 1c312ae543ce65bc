"""Construct a part of a robust dataset from a trained model."""

import shutil
from pathlib import Path
from typing import Any

from feature_sensitivity.data.dataset_file import read_split, read_standardization, write_dataset
from feature_sensitivity.data.split import Source
from feature_sensitivity.networks.checkpoints import load_checkpoint
from feature_sensitivity.runtime.console import job, logger
from feature_sensitivity.runtime.devices import best_device, device_name
from feature_sensitivity.runtime.files import sha256_of_file
from feature_sensitivity.training.construction import ConstructionSettings, construct, images_of_part

SETTINGS = ("steps", "step_size", "tolerance", "batch_size")


def main(snakemake: Any) -> None:
    """Unpack the rule."""
    source, original = snakemake.params.source, Path(snakemake.input.original)
    dataset, part = snakemake.wildcards.dataset, int(snakemake.wildcards.part)
    with job(Path(snakemake.log[0]), f"construct_dataset {dataset}, part {part} of {source['shards']}"):
        device = best_device()
        logger.info("on %s", device_name(device))
        mean, std = read_standardization(original)
        teacher, _ = load_checkpoint(Path(snakemake.input.teacher))
        split = read_split(original, "train")
        settings = ConstructionSettings(**{name: source[name] for name in SETTINGS}, seed=snakemake.params.seed)
        constructed = construct(
            teacher=teacher,
            split=split,
            index=images_of_part(
                min(source["images"] or len(split.labels), len(split.labels)),
                part=part,
                n_parts=source["shards"],
                batch_size=settings.batch_size,
            ),
            mean=mean,
            std=std,
            settings=settings,
            device=device,
            side_folder=Path(snakemake.params.side_folder),
        )
        made_from = sha256_of_file(Path(snakemake.input.teacher))
        whole = Source({"train": constructed}, f"part {part} of {source['shards']}", made_from)
        write_dataset(Path(snakemake.output[0]), whole, mean=mean, std=std)
        shutil.rmtree(snakemake.params.side_folder)


if "snakemake" in globals():
    main(snakemake)
