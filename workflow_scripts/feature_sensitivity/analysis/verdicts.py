"""Three-valued judgements: a number holds, fails, or its interval leaves it open."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import scipy

from feature_sensitivity.analysis.estimates import CONFIDENCE, Estimate

REPRODUCED, NOT_REPRODUCED, UNDECIDED, NOT_APPLICABLE = "reproduced", "not reproduced", "undecided", "not applicable"

Truth = bool | None
"""None means open."""


class Check(NamedTuple):
    """One number that a claim rests on, and whether the claim holds there.

    ``p_failure``: the two-sided p-value against the claim, 1 where nothing speaks against it.
    """

    label: str
    estimate: Estimate
    holds: Truth
    p_failure: float = 1.0


def above(label: str, estimate: Estimate, threshold: float) -> Check:
    """Return whether the whole interval is above; open when it reaches across, or is not known."""
    return Check(label, estimate, *_beyond(estimate.value, estimate.low, estimate.high, threshold))


def below(label: str, estimate: Estimate, threshold: float) -> Check:
    """Return whether the whole interval is below; open when it reaches across, or is not known."""
    return Check(label, estimate, *_beyond(-estimate.value, -estimate.high, -estimate.low, -threshold))


def within(label: str, estimate: Estimate, middle: float, distance: float) -> Check:
    """Return whether the whole interval is closer to a number than a distance; open when it reaches across an end."""
    ends = (above(label, estimate, middle - distance), below(label, estimate, middle + distance))
    return Check(label, estimate, every([end.holds for end in ends]), min(end.p_failure for end in ends))


def _beyond(value: float, low: float, high: float, threshold: float) -> tuple[Truth, float]:
    holds = True if low > threshold else False if high < threshold else None
    if not value < threshold or not high >= value:
        return holds, 1.0
    if high == value:
        return holds, 0.0
    # The p-value that belongs to an interval (Altman and Bland 2011).
    z = scipy.stats.norm.ppf((1 + CONFIDENCE) / 2) * (threshold - value) / (high - value)
    return holds, float(2 * scipy.stats.norm.sf(z))


def every(truths: Sequence[Truth]) -> Truth:
    """Return Kleene's conjunction: False if any is False, True if there are some and all are True, else None."""
    if any(truth is False for truth in truths):
        return False
    return True if truths and all(truths) else None


def judged(checks: Sequence[Check]) -> list[Check]:
    """Return the checks of one claim, of which fail those that fail when all are looked at together (Holm 1979).

    Of many numbers that agree with a claim, one in twenty lies beyond its threshold by chance; that all of them hold
    needs no such correction (intersection-union test: Berger 1982).
    """
    order = np.argsort([check.p_failure for check in checks], kind="stable")
    kept = list(checks)
    open_from = False
    for rank, place in enumerate(order):
        check = checks[place]
        open_from = open_from or check.p_failure * (len(checks) - rank) > 1 - CONFIDENCE
        if check.holds is False and open_from:
            kept[place] = check._replace(holds=None)
    return kept


def verdict(truths: Sequence[Truth]) -> str:
    """Return reproduced when every number holds, not reproduced when one clearly fails, undecided otherwise."""
    return {True: REPRODUCED, False: NOT_REPRODUCED, None: UNDECIDED}[every(truths)]
