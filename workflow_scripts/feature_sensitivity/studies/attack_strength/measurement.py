"""The claims and the numbers behind them under several protocols, side by side."""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

from feature_sensitivity.analysis.claims import judge
from feature_sensitivity.analysis.estimates import Estimate, ratio_of_means
from feature_sensitivity.analysis.run import Run
from feature_sensitivity.config.models import NORMAL, ROBUST
from feature_sensitivity.studies.attack_strength.plan import (
    ACCURACY,
    CLAIM,
    CLAIMS,
    MOVEMENT,
    NORMAL_TO_ROBUST,
    RATIO,
    SENSITIVITY,
    WEAKEST,
)
from feature_sensitivity.studies.variant_files import VariantFiles

Row = dict[str, Any]


def compare(variants: Mapping[str, VariantFiles]) -> pd.DataFrame:
    """Return the numbers under each protocol; see :func:`attack_comparison`."""
    runs = {protocol: files.run() for protocol, files in variants.items()}
    return attack_comparison(runs, variants[WEAKEST].under_stronger_attack())


def attack_comparison(runs: Mapping[str, Run], stronger: pd.DataFrame) -> pd.DataFrame:
    """Return a row for each number: protocol, kind, name, epsilon in both units, value, interval, a claim's verdict.

    ``runs``: the numbers under each protocol, on the same images. ``stronger``: accuracies under Auto-PGD, with the
    columns of ``results/accuracy/{model}.checks.csv``; without rows where it was not measured.
    """
    rows = [{"protocol": protocol, **row} for protocol, run in runs.items() for row in _numbers(run, runs[WEAKEST])]
    for row in stronger.to_dict("records"):
        accuracy = Estimate(row["accuracy"], row["ci_low"], row["ci_high"])
        rows.append({"protocol": row["attack"], **_number(ACCURACY, row["model"], row["epsilon"], accuracy)})
    recorded = runs[WEAKEST].recorded
    return pd.DataFrame([{**row, **recorded.get(row["epsilon"], _same(row["epsilon"], recorded))} for row in rows])


def _same(epsilon: float, recorded: Mapping[float, Mapping[str, float]]) -> dict[str, float]:
    """Return what is recorded of an epsilon that is the same number in every unit: 0, and that of a claim, NaN."""
    return {name: epsilon for columns in recorded.values() for name in columns}


def _number(kind: str, name: str, epsilon: float, estimate: Estimate) -> Row:
    columns = {"kind": kind, "name": name, "epsilon": epsilon}
    return {**columns, "value": estimate.value, "ci_low": estimate.low, "ci_high": estimate.high, "verdict": ""}


def _numbers(run: Run, weakest: Run) -> Iterator[Row]:
    for judgement in judge(run):
        if judgement.claim.name in CLAIMS:
            nothing = Estimate(np.nan, np.nan, np.nan)
            yield {**_number(CLAIM, judgement.claim.name, np.nan, nothing), "verdict": judgement.verdict}
    for (model, epsilon), accuracy in run.accuracy.items():
        yield _number(ACCURACY, model, epsilon, accuracy)
    for model, epsilon in run.movement:
        yield _number(SENSITIVITY, model, epsilon, run.sensitivity_of(model, epsilon))
    for epsilon in run.sensitivity_epsilons:
        if {(NORMAL, epsilon), (ROBUST, epsilon)} <= run.movement.keys():
            ratio = run.sensitivity_ratio((NORMAL, epsilon), (ROBUST, epsilon))
            yield _number(RATIO, NORMAL_TO_ROBUST, epsilon, ratio)
    for (model, epsilon), movement in run.movement.items():
        # Images are the same under both protocols.
        by_image, reference = (moved.mean(axis=2) for moved in (movement, weakest.movement[model, epsilon]))
        yield _number(MOVEMENT, model, epsilon, ratio_of_means((model, 1, by_image), (model, -1, reference)))
