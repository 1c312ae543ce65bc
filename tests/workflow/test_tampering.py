"""A file of a finished run that is replaced or changed: it is refused in one sentence, or made again."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pandas as pd
import pytest
import torch

from feature_sensitivity.data.dataset_file import read_split, read_standardization, write_dataset
from feature_sensitivity.data.split import Source, Split
from snakemake_runs import TINY, run_snakemake

pytestmark = pytest.mark.workflow


def in_hdf5(path: Path, name: str, change: Callable[[np.ndarray], np.ndarray]) -> None:
    """Change an array where it is, and keep the date of the file."""
    dates = path.stat()
    with h5py.File(path, "r+") as file:
        file[name][...] = change(file[name][:])
    os.utime(path, ns=(dates.st_atime_ns, dates.st_mtime_ns))


def in_table(path: Path, **columns: object) -> None:
    pd.read_csv(path).assign(**columns).to_csv(path, index=False)


def written_again(path: Path, change: Callable[[Split], Split]) -> None:
    """Write a dataset with other images or labels in the very form, with the settings and the date of the first."""
    dates = path.stat()
    with h5py.File(path) as file:
        settings, description, sha256 = (file.attrs[name] for name in ("settings", "source", "sha256"))
        names = list(file)
    splits = {name: change(read_split(path, name)) for name in names}
    constants = read_standardization(path)
    write_dataset(path, Source(splits, description, sha256), constants)
    with h5py.File(path, "r+") as file:
        file.attrs["settings"] = settings
    os.utime(path, ns=(dates.st_atime_ns, dates.st_mtime_ns))


def other_weights(path: Path) -> None:
    content = torch.load(path, weights_only=True)
    content["training"]["epochs"] += 1
    torch.save(content, path)


def copied(results: Path, source: str, target: str) -> None:
    """Put a result, with what it records, in the place of another."""
    for end in ("", ".json"):
        if (results / f"{source}{end}").exists():
            shutil.copy(results / f"{source}{end}", results / f"{target}{end}")


TAMPERINGS: dict[str, tuple[Callable[[Path], None], str | None, str]] = {
    "images are inverted where they are": (
        lambda results: in_hdf5(results / "data/digits.h5", "test/images", lambda images: 255 - images),
        "sens/normal_0.08.h5",
        "sens/normal_0.08.h5",
    ),
    "other images in the very form": (
        lambda results: written_again(
            results / "data/digits.h5", lambda split: Split(255 - split.images, split.labels, split.details)
        ),
        "sens/normal_0.08.h5",
        "sens/normal_0.08.h5",
    ),
    "labels are shuffled": (
        lambda results: in_hdf5(results / "data/digits.h5", "test/labels", lambda labels: labels[::-1]),
        "accuracy/normal.csv",
        "accuracy/normal.csv",
    ),
    "a constant is added to one feature's maximum": (
        lambda results: in_hdf5(
            results / "sens/normal_0.08.h5", "maximum", lambda values: values + np.eye(1, values.shape[1])[0]
        ),
        "summary.csv",
        "summary.csv",
    ),
    "sensitivities are scaled": (
        lambda results: in_hdf5(results / "sens/normal_0.08.h5", "sensitivity", lambda values: 2 * values),
        "figures/figure2_sensitivity.svg",
        "figures/figure2_sensitivity.svg",
    ),
    "every verdict is reproduced": (
        lambda results: in_table(results / "claims.csv", verdict="reproduced"),
        None,
        "overview.html",
    ),
    "an accuracy": (
        lambda results: in_table(results / "accuracy/normal.csv", accuracy=0.9),
        None,
        "figures/figure1_accuracy.svg",
    ),
    "accuracies of another model": (
        lambda results: copied(results, "accuracy/adversarial.csv", "accuracy/normal.csv"),
        None,
        "figures/figure1_accuracy.svg",
    ),
    "a checkpoint of another run": (
        lambda results: other_weights(results / "models/normal.pt"),
        None,
        "accuracy/normal.csv",
    ),
    "features at attacked images of another model": (
        lambda results: copied(results, "attacked/adversarial.h5", "attacked/normal.h5"),
        None,
        "features.csv",
    ),
    "extremal images of another model": (
        lambda results: copied(results, "extremal/adversarial.h5", "extremal/normal.h5"),
        None,
        "explorer.html",
    ),
    "a study's table": (
        lambda results: in_table(results / "studies/last_layer_refit.csv", accuracy=0.5),
        None,
        "claims.csv",
    ),
    "counts of features": (
        lambda results: in_table(results / "feature_counts.csv", not_useful=0),
        None,
        "claims.csv",
    ),
    "the history of a training": (
        lambda results: copied(results, "models/adversarial.history.csv", "models/normal.history.csv"),
        None,
        "figures/learning_curves.svg",
    ),
}
"""What is done to the results, a file that is deleted then, if any, and what is asked for."""


@pytest.mark.parametrize("name", TAMPERINGS)
def test_a_tampered_result_is_refused_in_one_sentence(edited: Path, name: str):
    results = edited / "results/tiny"
    tamper, deleted, target = TAMPERINGS[name]
    tamper(results)
    if deleted:
        (results / deleted).unlink()
    done = run_snakemake(edited, *TINY, f"results/tiny/{target}", check=False)
    assert done.returncode != 0
    assert "run the same command again" in done.stdout
    assert "Traceback" not in done.stdout
