"""Write the page that reports a whole run, with its figures beside it."""

import shutil
from collections.abc import Mapping, Sequence
from itertools import chain, islice
from pathlib import Path
from typing import Any

from PIL import Image

from feature_sensitivity.analysis.benchmark_table import costs_by_rule
from feature_sensitivity.analysis.tables import read_table
from feature_sensitivity.evaluation.sensitivity_file import read_sensitivity
from feature_sensitivity.reporting.documents import Picture, write_text
from feature_sensitivity.reporting.interpretation import Interpretation, read_interpretation
from feature_sensitivity.reporting.reference import Section, reference_page
from feature_sensitivity.runtime.console import job
from feature_sensitivity.runtime.files import whole_file
from feature_sensitivity.runtime.machine import commit, machine_name


def versions_of(sensitivity: Sequence[Path]) -> dict[str, str]:
    """Return the devices and versions that made sensitivity files, each with all that occur."""
    attributes = [read_sensitivity(path).attributes for path in sensitivity]
    return {
        name: ", ".join(sorted({str(found[name]) for found in attributes}))
        for name in ("device", "feature_sensitivity_version", "torch_version")
    }


def width_on_page(figure: Path) -> int:
    """Return the width of a PNG file, which has to state its resolution, in pixels of 1/100 inch.

    So shown, its text is about as large as the page's.
    """
    with Image.open(figure) as image:
        return round(100 * image.width / image.info["dpi"][0])


def write_reference(
    *,
    title: str,
    changed: str,
    sensitivity: Sequence[Path],
    summary: Path,
    claims: Path,
    expected: Mapping[str, Any],
    pages: Sequence[Path],
    captions: Sequence[Sequence[str]],
    figures: Sequence[Path],
    copies: Sequence[Path],
    benchmarks: Path,
    interpretation: Path | None,
    page: Path,
) -> None:
    """Write the page, and copies of its figures; what it holds is said at :func:`.reference_page`.

    Both tables must record the settings ``expected``; ``sensitivity``, the sensitivity files, tell devices and
    versions. ``pages``: the sections, in Markdown; the first opens the whole, before the verdicts. ``captions``: of the
    ``figures``, PNG files, that stand with each of them. ``copies``: where the figures go, beside or below the page.
    ``benchmarks``: the folder with Snakemake's benchmark files. ``interpretation``: what a person wrote about the run.
    """
    shown = (
        Picture(copy.relative_to(page.parent), caption, width_on_page(figure))
        for figure, copy, caption in zip(figures, copies, chain(*captions), strict=True)
    )
    opening, *sections = (
        Section(path.read_text(encoding="utf-8"), list(islice(shown, len(of_page))))
        for path, of_page in zip(pages, captions, strict=True)
    )
    measured = sorted(benchmarks.rglob("*.tsv"))
    texts = ("claim", "sentence", "verdict", "rule")
    verdicts = read_table(claims, texts=texts, numbers=(), finite=False, expected=expected)
    text = reference_page(
        title=title,
        facts={
            "commit": commit(),
            "machine": machine_name(),
            **versions_of(sensitivity),
        },
        changed=changed,
        summary=read_table(
            summary,
            texts=("model",),
            numbers=("epsilon", "accuracy", "ci_low", "ci_high"),
            finite=False,
            expected=expected,
        ),
        opening=opening,
        claims=verdicts,
        sections=sections,
        costs=costs_by_rule(benchmarks, measured) if measured else None,
        interpretation=read_interpretation(interpretation, claims=list(verdicts.claim))
        if interpretation
        else Interpretation(),
    )
    for figure, copy in zip(figures, copies, strict=True):
        with whole_file(copy) as temporary:
            shutil.copyfile(figure, temporary)
    write_text(page, text)


if "snakemake" in globals():
    with job(Path(snakemake.log[0]), "write_reference"):
        write_reference(
            title=snakemake.params.title,
            changed=snakemake.params.changed,
            sensitivity=[Path(path) for path in snakemake.input.sensitivity],
            summary=Path(snakemake.input.summary),
            claims=Path(snakemake.input.claims),
            expected=snakemake.params.expected,
            pages=[Path(path) for path in snakemake.input.pages],
            captions=snakemake.params.captions,
            figures=[Path(path) for path in snakemake.input.figures],
            copies=[Path(path) for path in snakemake.output.figures],
            benchmarks=Path(snakemake.params.benchmarks),
            interpretation=next(map(Path, snakemake.input.interpretation), None),
            page=Path(snakemake.output.page),
        )
