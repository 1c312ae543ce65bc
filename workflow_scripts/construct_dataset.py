"""Construct a robust dataset from a trained model."""

import shutil
from pathlib import Path
from typing import Any

from feature_sensitivity.console import job, logger
from feature_sensitivity.construction import ConstructionSettings, construct
from feature_sensitivity.datasets import Source, read_split, read_standardization, write_dataset
from feature_sensitivity.devices import best_device, device_name
from feature_sensitivity.files import sha256_of_file
from feature_sensitivity.models import load_checkpoint


def main(snakemake: Any) -> None:
    """Unpack the rule."""
    source, original = snakemake.params.source, Path(snakemake.input.original)
    with job(Path(snakemake.log[0]), f"construct_dataset {snakemake.wildcards.dataset}"):
        device = best_device()
        logger.info("on %s", device_name(device))
        mean, std = read_standardization(original)
        teacher, _ = load_checkpoint(Path(snakemake.input.teacher))
        split, distances = construct(
            teacher=teacher,
            split=read_split(original, "train"),
            mean=mean,
            std=std,
            settings=ConstructionSettings(
                steps=source["steps"], step_size=source["step_size"], seed=snakemake.params.seed
            ),
            device=device,
            side_folder=Path(snakemake.params.side_folder),
        )
        logger.info("the mean relative representation distance fell from 1 to %.3f", distances.mean())
        description = (
            f"constructed after Ilyas et al. (2019) from model {source['teacher']}: {source['steps']} steps of "
            f"l2 length {source['step_size']}, mean relative representation distance {distances.mean():.3f}"
        )
        constructed = Source({"train": split}, description, sha256_of_file(Path(snakemake.input.teacher)))
        write_dataset(Path(snakemake.output[0]), constructed, mean=mean, std=std)
        shutil.rmtree(snakemake.params.side_folder)


if "snakemake" in globals():
    main(snakemake)
