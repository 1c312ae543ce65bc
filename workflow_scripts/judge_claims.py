"""Judge the paper's claims on the numbers of this run."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from feature_sensitivity.claims import Judgement, checks_table, claims_table, judge, run_from
from feature_sensitivity.console import job, logger
from feature_sensitivity.files import whole_file
from feature_sensitivity.pages import heading, html_table, page, paragraphs
from feature_sensitivity.sensitivity import read_sensitivity

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


def main(snakemake: Any) -> None:
    """Unpack the rule."""
    with job(Path(snakemake.log[0]), "judge_claims"):
        relinear = [pd.read_csv(path) for path in snakemake.input.relinear]
        run = run_from(
            pd.concat([pd.read_csv(path) for path in snakemake.input.accuracy]),
            [read_sensitivity(Path(path)) for path in snakemake.input.sensitivity],
            definition=snakemake.params.definition,
            normalization=snakemake.params.normalization,
            relinear=relinear[0] if relinear else None,
        )
        judgements, introduction = judge(run), preface(snakemake.params.seeds)
        for judgement in judgements:
            logger.info("%s %s", judgement.claim.name, judgement.verdict)
        for path, content in (
            (snakemake.output.csv, claims_table(judgements).to_csv(index=False)),
            (snakemake.output.markdown, as_markdown(judgements, introduction)),
            (snakemake.output.page, as_page(judgements, introduction)),
        ):
            with whole_file(Path(path)) as temporary:
                temporary.write_text(content)


if "snakemake" in globals():
    main(snakemake)
