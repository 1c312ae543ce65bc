"""Three-valued judgements: a number holds, fails, or its interval leaves it open."""

from collections.abc import Sequence
from typing import NamedTuple

from feature_sensitivity.analysis.estimates import Estimate

REPRODUCED, NOT_REPRODUCED, UNDECIDED = "reproduced", "not reproduced", "undecided"
NOT_APPLICABLE = "not applicable"
"""The verdict on a claim about a model of the paper that the run does not have."""
VERDICTS = (REPRODUCED, NOT_REPRODUCED, UNDECIDED, NOT_APPLICABLE)

Truth = bool | None
"""None means open."""


class Check(NamedTuple):
    """One number that a claim rests on, and whether the claim holds there."""

    label: str
    estimate: Estimate
    holds: Truth


def is_above(estimate: Estimate, threshold: float) -> Truth:
    """Return whether the whole interval is above; None when it reaches across, or is not known."""
    if estimate.low > threshold:
        return True
    return False if estimate.high < threshold else None


def is_below(estimate: Estimate, threshold: float) -> Truth:
    """Return whether the whole interval is below; None when it reaches across, or is not known."""
    if estimate.high < threshold:
        return True
    return False if estimate.low > threshold else None


def is_greater(first: Estimate, second: Estimate) -> Truth:
    """Return whether the first interval is above the second; None when they overlap."""
    if first.low > second.high:
        return True
    return False if first.high < second.low else None


def every(truths: Sequence[Truth]) -> Truth:
    """Return Kleene's conjunction: False if any is False, True if there are some and all are True, else None."""
    if any(truth is False for truth in truths):
        return False
    return True if truths and all(truths) else None


def verdict(truths: Sequence[Truth]) -> str:
    """Return reproduced when every number holds, not reproduced when one clearly fails, undecided otherwise."""
    return {True: REPRODUCED, False: NOT_REPRODUCED, None: UNDECIDED}[every(truths)]
