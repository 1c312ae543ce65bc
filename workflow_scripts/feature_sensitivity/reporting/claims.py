"""Verdicts on claims: a table, and a document that gives each claim its rule and numbers."""

from collections.abc import Mapping, Sequence

import pandas as pd

from feature_sensitivity.analysis.claims import Judgement
from feature_sensitivity.analysis.verdicts import Truth
from feature_sensitivity.reporting.documents import Block, Document, Heading

ANSWERS: Mapping[Truth, str] = {True: "yes", False: "no", None: "open"}

TITLE = "The paper's claims, judged on this run"

VERDICTS = (
    "A claim is reproduced when every number below it agrees, not reproduced when one clearly does not, with Holm's "
    "correction for their number, and undecided when an interval leaves it open. Intervals are at 95 %: Wilson's for "
    "accuracies; Student's t over images, in the logarithm for mean sensitivities and their ratios, and image by image "
    "for differences of accuracies; the jackknife over features for the shape of a distribution; the bootstrap over "
    "features for distances of distributions, over images for counts and shares of features; Bonett and Wright's for "
    "rank correlations over models. How often each covers the truth is in docs/claims.md."
)
MARGINS = (
    "A factor common to all logits of a network scales its sensitivities and changes no decision. So claims that "
    "compare the sensitivities of networks are judged a second time with each network's in units of its own margin, "
    "the mean difference between its two largest logits."
)
ONE_SEED = "They hold for these trained models: how much the models of other seeds would differ is not in them."
SEVERAL_SEEDS = (
    "Numbers are means over {seeds}, and their intervals cover the choice of images and of seeds. The new last "
    "layers of S6 are of the first seed's models alone."
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
            "verdict_in_margins": judgement.in_margins.verdict if judgement.in_margins else "",
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
    table = claims_table(judgements).rename(columns={"verdict_in_margins": "in units of the margin"})
    blocks: list[Block] = [introduction, table[["claim", "sentence", "verdict", "in units of the margin"]], MARGINS]
    if other := [j.claim.name for j in judgements if j.in_margins and j.in_margins.verdict != j.verdict]:
        blocks.append(f"**In units of the margin the verdict is another one for {', '.join(other)}.**")
    for judgement in judgements:
        blocks += [
            Heading(f"{judgement.claim.name}: {judgement.verdict}"),
            judgement.claim.sentence,
            f"Rule: {judgement.claim.rule}",
        ]
        if judgement.reason:
            blocks.append(f"{judgement.verdict.capitalize()}: {judgement.reason}.")
        if judgement.checks:
            blocks.append(_checks_table(judgement))
        if margins := judgement.in_margins:
            blocks.append(f"In units of each network's own margin: {margins.verdict}. {margins.reason}".strip())
            if margins.checks:
                blocks.append(_checks_table(margins))
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
