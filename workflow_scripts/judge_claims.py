"""Judge the paper's claims on the numbers of this run."""

from collections.abc import Sequence
from pathlib import Path

from feature_sensitivity.analysis.claims import judge
from feature_sensitivity.analysis.run import read_run
from feature_sensitivity.analysis.tables import write_table
from feature_sensitivity.reporting.claims import claims_document, claims_table
from feature_sensitivity.reporting.documents import as_html, as_markdown, write_text
from feature_sensitivity.runtime.console import job, logger


def judge_claims(
    *,
    accuracy: Sequence[Path],
    sensitivity: Sequence[Path],
    csv: Path,
    markdown: Path,
    page: Path,
    definition: str,
    normalization: str,
    seeds: str,
    last_layer_refit: Path | None = None,
) -> None:
    """Write the verdicts with their rules and numbers as CSV, as Markdown and as an HTML page.

    Args:
        accuracy: files ``results/accuracy/{model}.csv`` of every replicate.
        sensitivity: the sensitivity files of every replicate and epsilon.
        csv: a row for each claim.
        markdown: the verdicts in a table, then each claim with its rule and numbers.
        page: the same as HTML.
        definition: of sensitivity, as in the config.
        normalization: of weights, as in the config.
        seeds: says what numbers are means over; empty for one seed.
        last_layer_refit: the table of that study, on which S6 rests; without it S6 is undecided.
    """
    run = read_run(
        accuracy=accuracy,
        sensitivity=sensitivity,
        definition=definition,
        normalization=normalization,
        last_layer_refit=last_layer_refit,
    )
    judgements = judge(run)
    for judgement in judgements:
        logger.info("%s %s", judgement.claim.name, judgement.verdict)
    document = claims_document(judgements, seeds=seeds)
    write_table(csv, claims_table(judgements))
    write_text(markdown, as_markdown(document))
    write_text(page, as_html(document))


if "snakemake" in globals():
    with job(Path(snakemake.log[0]), "judge_claims"):
        judge_claims(
            accuracy=[Path(path) for path in snakemake.input.accuracy],
            sensitivity=[Path(path) for path in snakemake.input.sensitivity],
            csv=Path(snakemake.output.csv),
            markdown=Path(snakemake.output.markdown),
            page=Path(snakemake.output.page),
            definition=snakemake.params.definition,
            normalization=snakemake.params.normalization,
            seeds=snakemake.params.seeds,
            last_layer_refit=next(map(Path, snakemake.input.last_layer_refit), None),
        )
