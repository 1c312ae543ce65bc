"""Write the page that shows a run at a glance."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from feature_sensitivity.analysis.tables import read_table
from feature_sensitivity.reporting.documents import write_text
from feature_sensitivity.reporting.overview import overview_page
from feature_sensitivity.runtime.console import job


def write_overview(
    *,
    claims: Path,
    expected: Mapping[str, Any],
    figure1: Path,
    figure2: Path,
    page: Path,
    measured: str,
    links: Mapping[str, str],
) -> None:
    """Write the question, both figures and the verdicts as one self-contained page, with links to the rest.

    ``claims``, which is ``results/claims.csv``, must record the settings ``expected``. The figures are PNG files.
    ``measured`` says which models were measured on which images. ``links``: text to the file to which it leads,
    relative to the page.
    """
    table = read_table(claims, texts=("claim", "sentence", "verdict"), numbers=(), expected=expected)
    write_text(page, overview_page(table, figures=(figure1, figure2), measured=measured, links=links))


if "snakemake" in globals():
    with job(Path(snakemake.log[0]), "write_overview"):
        write_overview(
            claims=Path(snakemake.input.claims),
            expected=snakemake.params.expected,
            figure1=Path(snakemake.input.figure1),
            figure2=Path(snakemake.input.figure2),
            page=Path(snakemake.output[0]),
            measured=snakemake.params.measured,
            links=snakemake.params.links,
        )
