"""The images, features and seed behind a figure or table, read off the data."""

from collections.abc import Iterable, Sequence

import pandas as pd

from feature_sensitivity.evaluation.sensitivity_file import SensitivityFile


def accuracy_sample(accuracy: pd.DataFrame) -> str:
    """Return the images and the seed of accuracies, which have the columns of ``results/accuracy/{model}.csv``."""
    return f"{accuracy.n_images.max()} test images, seed {accuracy.seed.iloc[0]}"


def sensitivity_sample(files: Sequence[SensitivityFile]) -> str:
    """Return the images, features and seed of a run's sensitivities."""
    return (
        f"{_range(len(file.image_index) for file in files)} test images, "
        f"{_range(len(file.feature_index) for file in files)} features, seed {files[0].attributes['seed']}"
    )


def counts_sample(counts: pd.DataFrame) -> str:
    """Return the images, features and seed behind ``results/feature_counts.csv``."""
    images, features = _range(counts.n_images), _range(counts.n_features)
    return f"{images} test images, {features} features, seed {counts.seed.iloc[0]}"


def _range(numbers: Iterable[int]) -> str:
    """Return ``5``, or ``5 to 8`` where they differ."""
    found = sorted(set(numbers))
    return str(found[0]) if len(found) == 1 else f"{found[0]} to {found[-1]}"
