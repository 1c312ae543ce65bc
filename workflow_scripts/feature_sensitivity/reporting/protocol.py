"""The settings behind a figure or table, in a sentence for people."""

from collections.abc import Iterable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import pandas as pd

from feature_sensitivity.evaluation.sensitivity_file import SensitivityFile


def accuracy_settings(accuracy: pd.DataFrame, settings: Mapping[str, Any]) -> str:
    """The attack behind accuracies, their images and their seed; ``settings`` as in the config."""
    box = "clipped to the pixel box" if settings["clip_to_pixel_box"] else "not clipped to the pixel box"
    restarts = f", {settings['restarts']} restarts" if settings["restarts"] > 1 else ""
    return (
        f"{settings['norm']} PGD on the cross-entropy, {settings['steps']} steps of "
        f"{settings['relative_step_size']} epsilon{restarts}, {settings['iterate']} iterate, {box}; "
        f"{accuracy.n_images.max()} test images, seed {accuracy.seed.iloc[0]}"
    )


def sensitivity_settings(files: Sequence[SensitivityFile]) -> str:
    """The attack behind a run's sensitivities, their images, their seed and their definition."""
    settings = files[0].attributes
    share = Fraction(settings["step_size"] / settings["epsilon"]).limit_denominator(100)
    restarts = f", {settings['restarts']} restarts" if settings["restarts"] > 1 else ""
    return (
        f"{settings['norm']} PGD, {settings['steps']} steps of {share} epsilon{restarts}, "
        f"{settings['iterate']} iterate; {_range(len(file.image_index) for file in files)} test images, "
        f"{_range(len(file.feature_index) for file in files)} features, "
        f"seed {settings['seed']}; definition {settings['definition']}, weights {settings['weight_normalization']}"
    )


def _range(numbers: Iterable[int]) -> str:
    """``5``, or ``5 to 8`` where they differ."""
    found = sorted(set(numbers))
    return str(found[0]) if len(found) == 1 else f"{found[0]} to {found[-1]}"


def bars_settings(seeds: str) -> str:
    """What the bars of accuracies are; ``seeds`` says what the accuracies are means over, if they are."""
    return f"points and bars: mean and standard deviation over {seeds}" if seeds else "bars: 95 % Wilson intervals"
