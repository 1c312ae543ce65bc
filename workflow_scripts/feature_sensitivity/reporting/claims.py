"""Verdicts on claims: a table, and a document that gives each claim its rule and numbers."""

from collections.abc import Mapping, Sequence

import pandas as pd

from feature_sensitivity.analysis.claim import Judgement
from feature_sensitivity.analysis.verdicts import Truth
from feature_sensitivity.reporting.documents import Block, Document, Heading

ANSWERS: Mapping[Truth, str] = {True: "yes", False: "no", None: "open"}

TITLE = "The paper's claims, judged on this run"

VERDICTS = (
    "A claim is reproduced when every number below it agrees, not reproduced when one clearly does not, undecided when "
    "an interval leaves it open, and not applicable when it is about a model that the run does not have. Intervals are "
    "at 95 %: Wilson's for accuracies; bootstrap over images for mean sensitivities, over features for the shape of "
    "their distribution; Student's t over images for shares of useful features, for all features and classes together; "
    "Bonett and Wright's for rank correlations over models."
)
ONE_SEED = "They hold for these trained models: how much the models of other seeds would differ is not in them."
SEVERAL_SEEDS = (
    "Numbers are means over {seeds}. Their intervals add, in quadrature, the average of the single models' intervals "
    "and Student's t interval of the mean over the seeds. S6 rests on the first seed's models alone."
)


def claims_table(judgements: Sequence[Judgement]) -> pd.DataFrame:
    """Return one row for each claim.

    ``numbers`` is text: each number with its interval and whether the claim holds there.
    """
    rows = [
        {
            "claim": judgement.claim.name,
            "sentence": judgement.claim.sentence,
            "verdict": judgement.verdict,
            "numbers": _numbers(judgement),
            "rule": judgement.claim.rule,
        }
        for judgement in judgements
    ]
    return pd.DataFrame(rows)


def claims_document(judgements: Sequence[Judgement], *, seeds: str) -> Document:
    """Return the verdicts in one table, then each claim with its rule and numbers.

    ``seeds`` says what the numbers are means over; it is empty where they are of one seed.
    """
    introduction = f"{VERDICTS} {SEVERAL_SEEDS.format(seeds=seeds) if seeds else ONE_SEED}"
    blocks: list[Block] = [introduction, claims_table(judgements)[["claim", "sentence", "verdict"]]]
    for judgement in judgements:
        blocks += [
            Heading(f"{judgement.claim.name}: {judgement.verdict}"),
            judgement.claim.sentence,
            f"Rule: {judgement.claim.rule}",
        ]
        if judgement.reason:
            blocks.append(f"{judgement.verdict.capitalize()} because {judgement.reason}.")
        if judgement.checks:
            blocks.append(_checks_table(judgement))
    return Document(TITLE, blocks)


def _numbers(judgement: Judgement) -> str:
    shown = [f"{check.label}: {check.estimate} {ANSWERS[check.holds]}" for check in judgement.checks]
    return "; ".join(shown) or judgement.reason


def _checks_table(judgement: Judgement) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "number": [check.label for check in judgement.checks],
            "value": [f"{check.estimate.value:.3f}" for check in judgement.checks],
            "95 % interval": [f"{check.estimate.low:.3f} to {check.estimate.high:.3f}" for check in judgement.checks],
            "holds": [ANSWERS[check.holds] for check in judgement.checks],
        }
    )
