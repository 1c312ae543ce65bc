"""Write the page that shows a run at a glance."""

from collections.abc import Mapping
from pathlib import Path

from feature_sensitivity.analysis.tables import ADVICE, read_table
from feature_sensitivity.reporting.documents import write_text
from feature_sensitivity.reporting.overview import SIGNS, overview_page
from feature_sensitivity.runtime.console import job
from feature_sensitivity.runtime.errors import UserError


def write_overview(
    *, claims: Path, figure1: Path, figure2: Path, page: Path, measured: str, links: Mapping[str, str]
) -> None:
    """Write the question, both figures and the verdicts as one self-contained page, with links to the rest.

    Args:
        claims: ``results/claims.csv``.
        figure1: accuracy against epsilon, as PNG.
        figure2: histograms of sensitivities, as PNG.
        page: the file to write.
        measured: says which models were measured on which images.
        links: the text of each link to the file to which it leads, relative to the page.
    """
    table = read_table(claims, texts=("claim", "sentence", "verdict"), numbers=())
    if not table.verdict.isin([*SIGNS]).all():
        raise UserError(f"{claims} has a verdict that is none of {', '.join(SIGNS)}; {ADVICE}")
    write_text(page, overview_page(table, figures=(figure1, figure2), measured=measured, links=links))


if "snakemake" in globals():
    with job(Path(snakemake.log[0]), "write_overview"):
        write_overview(
            claims=Path(snakemake.input.claims),
            figure1=Path(snakemake.input.figure1),
            figure2=Path(snakemake.input.figure2),
            page=Path(snakemake.output[0]),
            measured=snakemake.params.measured,
            links=snakemake.params.links,
        )
