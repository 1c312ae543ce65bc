"""Judge the paper's claims on the numbers of this run."""

from pathlib import Path
from typing import Any

import pandas as pd

from feature_sensitivity.analysis.claims import judge
from feature_sensitivity.analysis.run import run_from
from feature_sensitivity.evaluation.sensitivity_file import read_sensitivity
from feature_sensitivity.reporting.claims import as_markdown, as_page, claims_table, preface
from feature_sensitivity.runtime.console import job, logger
from feature_sensitivity.runtime.files import whole_file


def main(snakemake: Any) -> None:
    """Unpack the rule."""
    with job(Path(snakemake.log[0]), "judge_claims"):
        refit = [pd.read_csv(path) for path in snakemake.input.last_layer_refit]
        run = run_from(
            pd.concat([pd.read_csv(path) for path in snakemake.input.accuracy]),
            [read_sensitivity(Path(path)) for path in snakemake.input.sensitivity],
            definition=snakemake.params.definition,
            normalization=snakemake.params.normalization,
            last_layer_refit=refit[0] if refit else None,
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
