"""Judge the paper's claims on the numbers of this run."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from feature_sensitivity.claims import Judgement, checks_table, claims_table, judge, run_from
from feature_sensitivity.console import job, logger
from feature_sensitivity.files import whole_file
from feature_sensitivity.sensitivity import read_sensitivity

PREFACE = """# The paper's claims, judged on this run

A claim is reproduced when every number below it agrees, not reproduced when one clearly does not, and undecided when
an interval leaves it open. Intervals are at 95 %: Wilson's for accuracies; bootstrap over images for mean
sensitivities, over features for the shape of their distribution. They hold for these trained models: how much the
models of other seeds would differ is not in them.
"""


def readable(judgements: Sequence[Judgement]) -> str:
    """All of it in Markdown: a table of verdicts, then each claim with its rule and numbers."""
    overview = claims_table(judgements)[["claim", "sentence", "verdict"]].to_markdown(index=False)
    parts = [PREFACE, overview + "\n"]
    for judgement in judgements:
        parts.append(f"## {judgement.claim.name}: {judgement.verdict}\n")
        parts.append(f"{judgement.claim.sentence}\n\n*Rule.* {judgement.claim.rule}\n")
        if judgement.reason:
            parts.append(f"Undecided because {judgement.reason}.\n")
        if judgement.checks:
            parts.append(checks_table(judgement).to_markdown(index=False, disable_numparse=True) + "\n")
    return "\n".join(parts)


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
        judgements = judge(run)
        for judgement in judgements:
            logger.info("%s %s", judgement.claim.name, judgement.verdict)
        for path, content in (
            (snakemake.output.csv, claims_table(judgements).to_csv(index=False)),
            (snakemake.output.markdown, readable(judgements)),
        ):
            with whole_file(Path(path)) as temporary:
                temporary.write_text(content)


if "snakemake" in globals():
    main(snakemake)
