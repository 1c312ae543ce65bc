"""Judge the paper's claims on the numbers of this run."""

from dataclasses import replace
from pathlib import Path

from feature_sensitivity.analysis.accuracy_tables import AccuracyFiles
from feature_sensitivity.analysis.claims import judge
from feature_sensitivity.analysis.feature_counts import robust_share
from feature_sensitivity.analysis.feature_tables import read_counts
from feature_sensitivity.analysis.refits import read_refits
from feature_sensitivity.analysis.run import read_run
from feature_sensitivity.analysis.tables import write_table
from feature_sensitivity.evaluation.expected_attacked import AttackedFiles
from feature_sensitivity.evaluation.expected_sensitivity import SensitivityFiles
from feature_sensitivity.reporting.claims import claims_document, claims_table
from feature_sensitivity.reporting.documents import as_html, as_markdown, write_text
from feature_sensitivity.runtime.console import job, logger
from feature_sensitivity.runtime.identity import derived_from


def judge_claims(
    *,
    accuracy: AccuracyFiles,
    sensitivity: SensitivityFiles,
    attacked: AttackedFiles,
    csv: Path,
    markdown: Path,
    page: Path,
    seeds: str,
    feature_counts: Path,
    refits: Path | None = None,
) -> None:
    """Write the verdicts with their rules and numbers as CSV, as Markdown and as an HTML page.

    ``attacked`` has the margins between logits. ``seeds`` says what numbers are means over; it is empty for one seed.
    ``feature_counts``: ``results/feature_counts.csv``, on which U1 rests. ``refits``: accuracies with other last
    layers, on which S6 rests; without them S6 is undecided.
    """
    run = read_run(accuracy=accuracy.read_together(), sensitivity=sensitivity, attacked=attacked)
    counts = read_counts(feature_counts, expected=derived_from(sensitivity)).to_dict("records")
    judgements = judge(
        replace(
            run,
            robust_share={(row["model"], row["epsilon"]): robust_share(row) for row in counts},
            refits=read_refits(refits, sensitivity.identity()["checkpoints"]) if refits else None,
        )
    )
    for judgement in judgements:
        logger.info("%s %s", judgement.claim.name, judgement.verdict)
    document = claims_document(judgements, seeds=seeds)
    others = [*accuracy.images.values(), feature_counts, *([refits] if refits else [])]
    made_from = derived_from(accuracy, sensitivity, attacked, tables=others)
    write_table(csv, claims_table(judgements), made_from=made_from)
    write_text(markdown, as_markdown(document))
    write_text(page, as_html(document))


if "snakemake" in globals():
    with job(Path(snakemake.log[0]), "judge_claims"):
        sensitivity = SensitivityFiles.of_rule(snakemake.input, snakemake.params.sensitivity)
        judge_claims(
            accuracy=AccuracyFiles.of_rule(snakemake.input, snakemake.params.accuracy),
            sensitivity=sensitivity,
            attacked=AttackedFiles.of_rule(snakemake.input, snakemake.params.attacked, sensitivity),
            csv=Path(snakemake.output.csv),
            markdown=Path(snakemake.output.markdown),
            page=Path(snakemake.output.page),
            seeds=snakemake.params.seeds,
            feature_counts=Path(snakemake.input.feature_counts),
            refits=next(map(Path, snakemake.input.refits), None),
        )
