"""What a claim is, and how its checks become a verdict."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, cast

from feature_sensitivity.analysis.run import MissingError, NotApplicableError, Run
from feature_sensitivity.analysis.verdicts import NOT_APPLICABLE, UNDECIDED, Check, judged, verdict

Rule = Callable[[Run], Iterator[Check]]


class Claim(NamedTuple):
    """A claim of the paper, its rule in words, the rule, and whether it compares sensitivities of networks."""

    name: str
    sentence: str
    rule: str
    checks: Rule
    compares_networks: bool


def claim(name: str, *, rule: str, compares_networks: bool = False) -> Callable[[Rule], Claim]:
    """Make a claim of the function that judges it; the function's docstring is the paper's sentence."""
    return lambda checks: Claim(name, cast("str", checks.__doc__), rule, checks, compares_networks)


@dataclass(frozen=True)
class Judgement:
    """A claim, its verdict, and the checks behind it or the reason why there are none.

    ``in_margins``: of a claim that compares the sensitivities of networks, the same with every network's in units of
    its own margin between the two largest logits; None for other claims.
    """

    claim: Claim
    verdict: str
    checks: Sequence[Check]
    reason: str = ""
    in_margins: "Judgement | None" = None


def judge_claim(claim: Claim, run: Run) -> Judgement:
    """Return the verdict; what the run does not have leaves a claim undecided, or makes it not applicable."""
    judgement = _judge(claim, run)
    if claim.compares_networks and judgement.checks:
        return replace(judgement, in_margins=_judge(claim, replace(run, in_margins=True)))
    return judgement


def _judge(claim: Claim, run: Run) -> Judgement:
    try:
        checks = judged(list(claim.checks(run)))
    except NotApplicableError as error:
        return Judgement(claim, NOT_APPLICABLE, [], str(error))
    except MissingError as error:
        return Judgement(claim, UNDECIDED, [], str(error))
    return Judgement(claim, verdict([check.holds for check in checks]), checks)
