"""The images, features and seed behind a figure or table, read off the data."""

from collections.abc import Iterable, Sequence

import pandas as pd

from feature_sensitivity.evaluation.sensitivity_file import SensitivityFile


def accuracy_sample(accuracy: pd.DataFrame) -> str:
    """Return the images and the seed of accuracies, which have the columns of ``results/accuracy/{model}.csv``."""
    return f"{accuracy.n_images.max()} test images, seed {accuracy.seed.iloc[0]}"


def sensitivity_sample(files: Sequence[SensitivityFile]) -> str:
    """Return the images, features and seed of a run's sensitivities, and for which models no step had a surrogate."""
    return (
        f"{_range(len(file.image_index) for file in files)} test images, "
        f"{_range(len(file.feature_index) for file in files)} features, seed {files[0].attributes['seed']}"
        f"{_without_surrogate(files)}"
    )


def _without_surrogate(files: Sequence[SensitivityFile]) -> str:
    """Return that some models' features lie behind no activation that a surrogate gradient could pass, if any do."""
    settings = [file.attributes for file in files]
    models = [one["model"] for one in settings if one.get("surrogate_steps") and not one.get("surrogate", 1)]
    return f", no surrogate gradient for {', '.join(dict.fromkeys(models))}" if models else ""


def counts_sample(counts: pd.DataFrame) -> str:
    """Return the images, features and seed behind ``results/feature_counts.csv``."""
    images, features = _range(counts.n_images), _range(counts.n_features)
    return f"{images} test images, {features} features, seed {counts.seed.iloc[0]}"


def _range(numbers: Iterable[int]) -> str:
    """Return ``5``, or ``5 to 8`` where they differ."""
    found = sorted(set(numbers))
    return str(found[0]) if len(found) == 1 else f"{found[0]} to {found[-1]}"
