"""Signs that an accuracy is not what it seems, in the manner of AutoAttack's flags (Croce and Hein 2020).

Each function returns sentences: what was found, what it means, what to do; none where nothing is odd. A difference
counts when it is beyond the 95 % interval of what it is compared with, unless stated otherwise.
"""

from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

import pandas as pd

from feature_sensitivity.analysis.accuracy_interval import wilson_interval
from feature_sensitivity.config.units import own_unit
from feature_sensitivity.evaluation.robust_overfitting import robust_overfitting

ZERO_GRADIENTS = 0.01
"""Share of images with a zero gradient above which there is a warning; accuracies may be too high by as much."""

MUCH_LOWER = 0.05
"""Accuracy by which a stronger attack may be below PGD before PGD is called misleading."""

CONFIDENCE_OF_CLEAN = 0.999
"""Confidence of the interval of clean accuracy, high so that a sound sample of images is rarely called odd."""


def sanity_warnings(accuracy: pd.DataFrame, checks: pd.DataFrame, history: pd.DataFrame | None) -> list[str]:
    """Return all that is odd about one model, by its tables; ``history`` is None where it was trained elsewhere."""
    of_training = [] if history is None else [*odd_clean_accuracy(accuracy, history), *overfitting(accuracy, history)]
    return [
        *of_training,
        *zero_gradients(checks),
        *rising_accuracy(accuracy),
        *beside_other_attacks(accuracy, checks),
    ]


def odd_clean_accuracy(accuracy: pd.DataFrame, history: pd.DataFrame) -> list[str]:
    """Compare accuracy at epsilon 0, at 99.9 %, with what training measured on the whole test set."""
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
    """Return whether robust test accuracy fell during adversarial training; other training does not record it."""
    robust = history.get("robust_test_accuracy", pd.Series(dtype=float))
    return [f"{accuracy.model.iloc[0]}: {sentence}" for sentence in robust_overfitting(robust.tolist())]


def zero_gradients(checks: pd.DataFrame) -> list[str]:
    """Return how many images have a gradient of exactly zero, where they are many."""
    first = checks.iloc[0]
    if first.zero_gradient <= ZERO_GRADIENTS:
        return []
    return [
        f"{first.model}: {_percent(first.zero_gradient)} of the images have a gradient of exactly zero, so PGD cannot "
        "attack them from there and its accuracies may be too high by as much; compare with accuracy.stronger_attack: "
        "apgd, whose second loss does not saturate"
    ]


def rising_accuracy(accuracy: pd.DataFrame) -> list[str]:
    """Return where accuracy is higher under a larger epsilon."""
    rows = accuracy.sort_values("epsilon").to_dict("records")
    return [
        f"{larger['model']}: accuracy rises from {_percent(smaller['accuracy'])} at epsilon {own_unit(smaller)} to "
        f"{_percent(larger['accuracy'])} at {own_unit(larger)}, though the larger ball holds the smaller one, so "
        "the attack fails at the larger epsilon; raise accuracy.steps or accuracy.restarts, or write "
        "accuracy.iterate: any"
        for smaller, larger in pairwise(rows)
        if larger["accuracy"] > smaller["ci_high"]
    ]


class Comparison(NamedTuple):
    """Another attack beside PGD at the same epsilon, when their accuracies are odd, and what that means."""

    attack: str
    is_odd: Callable[[pd.DataFrame], "pd.Series[bool]"]
    sentence: str


COMPARISONS = (
    Comparison(
        "fgsm",
        lambda rows: rows.accuracy > rows.ci_high_other,
        "{model}: at epsilon {epsilon} PGD leaves {pgd}, a single gradient step only {other}, so the gradients lead "
        "PGD astray and its accuracy is too high; raise accuracy.restarts, write accuracy.iterate: any, or compare "
        "with accuracy.stronger_attack: apgd",
    ),
    Comparison(
        "apgd",
        lambda rows: rows.accuracy_other > rows.ci_high,
        "{model}: at epsilon {epsilon} APGD leaves {other}, PGD only {pgd}, so the stronger attack failed and cannot "
        "confirm PGD; raise accuracy.restarts, or look at the gradients of this model",
    ),
    Comparison(
        "apgd",
        lambda rows: rows.accuracy - rows.accuracy_other > MUCH_LOWER,
        "{model}: at epsilon {epsilon} APGD lowers the accuracy to {other}, {points:.1f} points below PGD's, so PGD "
        "overstates the robustness of this model; quote the accuracy under APGD, too",
    ),
)
"""A weaker attack that succeeds more often, a stronger one that fails, a stronger one that succeeds much more often."""


def beside_other_attacks(accuracy: pd.DataFrame, checks: pd.DataFrame) -> list[str]:
    """Return where PGD and another attack contradict each other; see ``COMPARISONS``."""
    found = []
    for attack, is_odd, sentence in COMPARISONS:
        rows = accuracy.merge(checks[checks.attack == attack], on="epsilon", suffixes=("", "_other"))
        for row in rows[is_odd(rows)].to_dict("records"):
            found.append(
                sentence.format(
                    model=row["model"],
                    epsilon=own_unit(row),
                    pgd=_percent(row["accuracy"]),
                    other=_percent(row["accuracy_other"]),
                    points=100 * (row["accuracy"] - row["accuracy_other"]),
                )
            )
    return found


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"
