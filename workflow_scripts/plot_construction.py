"""Draw the contact sheet of a constructed dataset."""

from pathlib import Path

import h5py

from feature_sensitivity.data.dataset_settings import check_dataset
from feature_sensitivity.reporting.figures.construction import construction_figure, read_examples
from feature_sensitivity.reporting.style import save_figure
from feature_sensitivity.runtime.console import job
from feature_sensitivity.runtime.errors import UserError


def plot_construction(*, constructed: Path, original: Path, svg: Path, name: str, teacher: str, seed: int) -> None:
    """Draw an image of each class beside what it was made from; write ``svg`` and a PNG beside it.

    ``teacher``: the model that represents a result as it represents the image of ``original``; ``seed``: that of the
    starts.
    """
    try:
        with h5py.File(constructed) as constructed_file, h5py.File(original) as original_file:
            examples = read_examples(constructed_file, original_file)
            n_images, source = len(constructed_file["train/labels"]), constructed_file.attrs["source"]
    except (OSError, KeyError, ValueError, TypeError, IndexError, RuntimeError) as error:
        reason = " ".join(str(error).split())
        raise UserError(
            f"{constructed} is not a dataset constructed from {original} ({reason}); delete the one that is damaged "
            "and run the same command again"
        ) from error
    caption = (
        f"{name}: the first training image of each class; {source} over {n_images} images; "
        f"below each result, its own; seed {seed}"
    )
    save_figure(construction_figure(examples, teacher=teacher, caption=caption), svg)


if "snakemake" in globals():
    with job(Path(snakemake.log[0]), f"plot_construction {snakemake.wildcards.dataset}"):
        for name, settings in snakemake.params.expected.items():
            check_dataset(Path(snakemake.input[name]), settings)
        plot_construction(
            constructed=Path(snakemake.input.dataset),
            original=Path(snakemake.input.original),
            svg=Path(snakemake.output[0]),
            name=snakemake.wildcards.dataset,
            teacher=snakemake.params.source["teacher"],
            seed=snakemake.params.seed,
        )
