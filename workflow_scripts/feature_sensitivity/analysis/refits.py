"""Accuracies under attack after the last layer was fitted again, on which claim S6 rests."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from feature_sensitivity.analysis.accuracy_interval import accuracy_estimate
from feature_sensitivity.analysis.estimates import Estimate
from feature_sensitivity.analysis.tables import read_table
from feature_sensitivity.config.models import ADVERSARIAL, NORMAL
from feature_sensitivity.runtime.errors import UserError
from feature_sensitivity.runtime.identity import ADVICE

NORMAL_AS_TRAINED, ADVERSARIAL_AS_TRAINED = f"{NORMAL} as trained", f"{ADVERSARIAL} as trained"
"""The rows of the table that have the models' own linear layers; every other row has a fitted one."""

ADVERSARIALLY = "all, adversarially"


def least_sensitive_label(percent: float) -> str:
    """Return the row of the layer that is fitted on so many percent of the features."""
    return f"{percent:g} % least sensitive"


@dataclass(frozen=True, kw_only=True)
class Refits:
    """Accuracies under attack: of both models as trained, and of ``normal`` with each new layer, by its label."""

    normal: Estimate
    adversarial: Estimate
    refitted: Mapping[str, Estimate]


def read_refits(path: Path, checkpoints: Mapping[str, str]) -> Refits | None:
    """Return the accuracies that a table holds, None if it has no rows.

    ``checkpoints``: model to the hash of its file. Raises :class:`UserError` when the table is damaged or of others.
    """
    expected = {"checkpoints": {model: checkpoints[model] for model in (NORMAL, ADVERSARIAL)}}
    numbers = ("epsilon", "accuracy", "ci_low", "ci_high")
    table = read_table(path, texts=("head",), numbers=numbers, may_be_empty=True, expected=expected)
    if table.empty:
        return None
    accuracy = {row["head"]: accuracy_estimate(row) for row in table[table.epsilon > 0].to_dict("records")}
    normal, adversarial = (accuracy.pop(head, None) for head in (NORMAL_AS_TRAINED, ADVERSARIAL_AS_TRAINED))
    if not (normal and adversarial and accuracy):
        raise UserError(f"{path} lacks rows of the networks that it compares; {ADVICE}")
    return Refits(normal=normal, adversarial=adversarial, refitted=accuracy)
