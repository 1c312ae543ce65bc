"""What a claim is, and how its checks become a verdict."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, cast

from feature_sensitivity.analysis.run import AbsentModelError, MissingError, Run
from feature_sensitivity.analysis.verdicts import NOT_APPLICABLE, UNDECIDED, Check, verdict

Rule = Callable[[Run], Iterator[Check]]


class Claim(NamedTuple):
    """A claim of the paper, its rule in words, and the rule."""

    name: str
    sentence: str
    rule: str
    checks: Rule


def claim(name: str, *, rule: str) -> Callable[[Rule], Claim]:
    """Make a claim of the function that judges it; the function's docstring is the paper's sentence."""
    return lambda checks: Claim(name, cast("str", checks.__doc__), rule, checks)


@dataclass(frozen=True)
class Judgement:
    """A claim, its verdict, and the checks behind it or the reason why there are none."""

    claim: Claim
    verdict: str
    checks: Sequence[Check]
    reason: str = ""


def judge_claim(claim: Claim, run: Run) -> Judgement:
    """Return the verdict: undecided on what was not measured, not applicable on a model that the run does not have."""
    try:
        checks = list(claim.checks(run))
    except AbsentModelError as error:
        return Judgement(claim, NOT_APPLICABLE, [], str(error))
    except MissingError as error:
        return Judgement(claim, UNDECIDED, [], str(error))
    return Judgement(claim, verdict([check.holds for check in checks]), checks)
