"""Verdicts as a table, as Markdown and as a page of the report."""

from collections.abc import Mapping, Sequence

import pandas as pd

from feature_sensitivity.analysis.claims import Judgement
from feature_sensitivity.analysis.verdicts import Truth
from feature_sensitivity.reporting.pages import heading, html_table, page, paragraphs

ANSWERS: Mapping[Truth, str] = {True: "yes", False: "no", None: "open"}


def claims_table(judgements: Sequence[Judgement]) -> pd.DataFrame:
    """One row for each claim; ``numbers`` is text, each number with its interval and whether the claim holds there."""

    def numbers(judgement: Judgement) -> str:
        shown = [f"{check.label}: {check.estimate} {ANSWERS[check.holds]}" for check in judgement.checks]
        return "; ".join(shown) or judgement.reason

    rows = [
        {
            "claim": judgement.claim.name,
            "sentence": judgement.claim.sentence,
            "verdict": judgement.verdict,
            "numbers": numbers(judgement),
            "rule": judgement.claim.rule,
        }
        for judgement in judgements
    ]
    return pd.DataFrame(rows)


def checks_table(judgement: Judgement) -> pd.DataFrame:
    """The numbers behind one verdict, for people."""
    return pd.DataFrame(
        {
            "number": [check.label for check in judgement.checks],
            "value": [f"{check.estimate.value:.3f}" for check in judgement.checks],
            "95 % interval": [f"{check.estimate.low:.3f} to {check.estimate.high:.3f}" for check in judgement.checks],
            "holds": [ANSWERS[check.holds] for check in judgement.checks],
        }
    )


TITLE = "The paper's claims, judged on this run"
PREFACE = """A claim is reproduced when every number below it agrees, not reproduced when one clearly does not, and
undecided when an interval leaves it open. Intervals are at 95 %: Wilson's for accuracies; bootstrap over images for
mean sensitivities, over features for the shape of their distribution."""
ONE_SEED = """ They hold for these trained models: how much the
models of other seeds would differ is not in them.
"""
SEVERAL_SEEDS = """
Numbers are means over {seeds}. Their intervals add, in quadrature, the
average of the single models' intervals and Student's t interval of the mean over the seeds. S6 rests on the first
seed's models alone.
"""


def preface(seeds: str) -> str:
    """What verdicts and intervals mean; ``seeds`` says what the numbers are means over, if they are."""
    return PREFACE + (SEVERAL_SEEDS.format(seeds=seeds) if seeds else ONE_SEED)


def as_markdown(judgements: Sequence[Judgement], introduction: str) -> str:
    """A table of verdicts, then each claim with its rule and numbers."""
    parts = [f"# {TITLE}\n", introduction, overview(judgements).to_markdown(index=False) + "\n"]
    for judgement in judgements:
        parts.append(f"## {judgement.claim.name}: {judgement.verdict}\n")
        parts += [text + "\n" for text in explanation(judgement)]
        if judgement.checks:
            parts.append(checks_table(judgement).to_markdown(index=False, disable_numparse=True) + "\n")
    return "\n".join(parts)


def as_page(judgements: Sequence[Judgement], introduction: str) -> str:
    """The same for the report."""
    blocks = [paragraphs(introduction), html_table(overview(judgements))]
    for judgement in judgements:
        blocks.append(heading(f"{judgement.claim.name}: {judgement.verdict}") + paragraphs(*explanation(judgement)))
        if judgement.checks:
            blocks.append(html_table(checks_table(judgement)))
    return page(TITLE, *blocks)


def overview(judgements: Sequence[Judgement]) -> pd.DataFrame:
    """The verdicts, for people."""
    return claims_table(judgements)[["claim", "sentence", "verdict"]]


def explanation(judgement: Judgement) -> list[str]:
    """The claim, its rule, and why it is undecided where the run lacks something."""
    reason = [f"Undecided because {judgement.reason}."] if judgement.reason else []
    return [judgement.claim.sentence, f"Rule: {judgement.claim.rule}", *reason]
