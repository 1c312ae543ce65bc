"""The labels of the rows of the study's table."""

from collections.abc import Sequence

from feature_sensitivity.analysis.refits import ADVERSARIAL_AS_TRAINED, NORMAL_AS_TRAINED

ADVERSARIALLY = "all, adversarially"


def least_sensitive_label(percent: float) -> str:
    """Return the label of the layer that is fitted on so many percent of the features."""
    return f"{percent:g} % least sensitive"


def row_labels(shares: Sequence[float]) -> list[str]:
    """Return the labels of all rows; ``shares`` as in the config."""
    return [NORMAL_AS_TRAINED, ADVERSARIAL_AS_TRAINED, *map(least_sensitive_label, shares), ADVERSARIALLY]
