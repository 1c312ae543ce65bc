"""Signs that an accuracy is not what it seems, in the manner of AutoAttack's flags (Croce and Hein 2020).

Each function gives sentences: what was seen, what it means, what to do. No sentence, no sign. A difference
counts when it is beyond the 95 % interval of what it is compared with, unless said otherwise.
"""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, cast

import pandas as pd

from feature_sensitivity.analysis.estimates import wilson_interval
from feature_sensitivity.evaluation.robust_overfitting import robust_overfitting

ZERO_GRADIENTS = 0.01
"""Share of images with a zero gradient that is worth a warning; so far may an accuracy be too high."""

MUCH_LOWER = 0.05
"""Accuracy by which a stronger attack may be below PGD before PGD is called misleading."""

CONFIDENCE_OF_CLEAN = 0.999
"""Of the interval of clean accuracy, so that a sample of images is rarely called odd."""


def diagnose(accuracy: pd.DataFrame, checks: pd.DataFrame, history: pd.DataFrame | None) -> list[str]:
    """All signs for one model: its accuracies, its checks, and its training history if it was trained here."""
    of_training = [] if history is None else [*odd_clean_accuracy(accuracy, history), *overfitting(accuracy, history)]
    return [
        *of_training,
        *zero_gradients(checks),
        *rising_accuracy(accuracy),
        *weaker_than_one_step(accuracy, checks),
        *weaker_stronger_attack(accuracy, checks),
        *much_lower_under_stronger_attack(accuracy, checks),
    ]


def odd_clean_accuracy(accuracy: pd.DataFrame, history: pd.DataFrame) -> list[str]:
    """Accuracy at epsilon 0 against what training measured on the whole test set, at 99.9 %."""
    clean = accuracy[accuracy.epsilon == 0].iloc[0]
    interval = wilson_interval(int(clean.n_correct), int(clean.n_images), CONFIDENCE_OF_CLEAN)
    recorded = history.test_accuracy.iloc[-1]
    # Half an image of slack: the ends of an interval are rounded, a share of 1 is not.
    slack = 0.5 / clean.n_images
    if interval.low - slack <= recorded <= interval.high + slack:
        return []
    return [
        f"{clean.model}: accuracy at epsilon 0 is {_percent(clean.accuracy)}, but training recorded "
        f"{_percent(recorded)} on the test set, so one of them saw other images, standardization or weights; "
        "delete the model and its accuracy file and run the same command again"
    ]


def overfitting(accuracy: pd.DataFrame, history: pd.DataFrame) -> list[str]:
    """Robust accuracy on test images that fell during adversarial training; other training does not record it."""
    robust = history.get("robust_test_accuracy", pd.Series(dtype=float))
    return [f"{accuracy.model.iloc[0]}: {sentence}" for sentence in robust_overfitting(robust.tolist())]


def zero_gradients(checks: pd.DataFrame) -> list[str]:
    """Images whose gradient is exactly zero."""
    first = checks.iloc[0]
    if first.zero_gradient <= ZERO_GRADIENTS:
        return []
    return [
        f"{first.model}: {_percent(first.zero_gradient)} of the images have a gradient of exactly zero, so PGD cannot "
        "attack them from there and its accuracies may be too high by as much; compare with accuracy.stronger_attack: "
        "apgd, whose second loss does not saturate"
    ]


def rising_accuracy(accuracy: pd.DataFrame) -> list[str]:
    """Accuracy that is higher under a larger epsilon."""
    rows = accuracy.sort_values("epsilon").to_dict("records")
    return [
        f"{larger['model']}: accuracy rises from {_percent(smaller['accuracy'])} at epsilon {smaller['epsilon']:g} to "
        f"{_percent(larger['accuracy'])} at {larger['epsilon']:g}, though the larger ball holds the smaller one, so "
        "the attack fails at the larger epsilon; raise accuracy.steps or accuracy.restarts, or write "
        "accuracy.iterate: any"
        for smaller, larger in pairwise(rows)
        if larger["accuracy"] > smaller["ci_high"]
    ]


def weaker_than_one_step(accuracy: pd.DataFrame, checks: pd.DataFrame) -> list[str]:
    """PGD that leaves more accuracy than a single step of the fast gradient method."""
    return [
        f"{row['model']}: at epsilon {row['epsilon']:g} PGD leaves {_percent(row['accuracy'])}, a single gradient step "
        f"only {_percent(row['accuracy_weaker'])}, so the gradients lead PGD astray and its accuracy is too high; "
        "raise accuracy.restarts, write accuracy.iterate: any, or compare with accuracy.stronger_attack: apgd"
        for row in _side_by_side(accuracy, checks, "fgsm", "weaker")
        if row["accuracy"] > row["ci_high_weaker"]
    ]


def weaker_stronger_attack(accuracy: pd.DataFrame, checks: pd.DataFrame) -> list[str]:
    """Auto-PGD that leaves more accuracy than PGD."""
    return [
        f"{row['model']}: at epsilon {row['epsilon']:g} APGD leaves {_percent(row['accuracy_stronger'])}, PGD only "
        f"{_percent(row['accuracy'])}, so the stronger attack failed and cannot vouch for PGD; raise "
        "accuracy.restarts, or look at the gradients of this model"
        for row in _side_by_side(accuracy, checks, "apgd", "stronger")
        if row["accuracy_stronger"] > row["ci_high"]
    ]


def much_lower_under_stronger_attack(accuracy: pd.DataFrame, checks: pd.DataFrame) -> list[str]:
    """Auto-PGD that lowers the accuracy by more than 5 points below PGD's."""
    return [
        f"{row['model']}: at epsilon {row['epsilon']:g} APGD lowers the accuracy to "
        f"{_percent(row['accuracy_stronger'])}, {100 * (row['accuracy'] - row['accuracy_stronger']):.1f} points below "
        "PGD's, so PGD overstates the robustness of this model; quote the accuracy under APGD, too"
        for row in _side_by_side(accuracy, checks, "apgd", "stronger")
        if row["accuracy"] - row["accuracy_stronger"] > MUCH_LOWER
    ]


def _side_by_side(accuracy: pd.DataFrame, checks: pd.DataFrame, attack: str, name: str) -> list[Mapping[str, Any]]:
    """Rows of PGD with those of another attack at the same epsilon, whose columns end in ``_{name}``."""
    other = checks[checks.attack == attack]
    joined = accuracy.merge(other, on="epsilon", suffixes=("", f"_{name}"))
    return cast("list[Mapping[str, Any]]", joined.to_dict("records"))


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
