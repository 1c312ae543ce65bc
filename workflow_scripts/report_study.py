"""Write a study's table and answer, and draw its figure."""

from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path

import pandas as pd

from feature_sensitivity.analysis.tables import read_table
from feature_sensitivity.reporting.documents import as_html, as_markdown, write_text
from feature_sensitivity.reporting.style import empty_figure, save_figure
from feature_sensitivity.runtime.console import job, logger
from feature_sensitivity.runtime.files import sha256_of_file
from feature_sensitivity.runtime.identity import recorded_in, require_identity
from feature_sensitivity.studies.plan import Row
from feature_sensitivity.studies.study import NOTHING, Study, check_rows


def report_study(
    name: str,
    *,
    tables: Mapping[Path, Sequence[Row]],
    columns: Sequence[str],
    markdown: Path,
    page: Path,
    svg: Path,
    models: Sequence[str],
    checkpoints: Mapping[str, str],
    protocol: str,
) -> None:
    """Write what a study found as Markdown, as an HTML page and as a figure, with a PNG beside ``svg``.

    ``tables``: the files with its numbers, and the rows that each should have, by the ``columns`` that name them.
    ``checkpoints``: model to the hash of its file; the tables must rest on these networks. ``protocol`` states the
    settings of the study and of the protocol that it starts from.
    """
    study: Study = import_module(f"feature_sensitivity.studies.{name}.report").STUDY
    frames = []
    for path, rows in tables.items():
        recorded = recorded_in(path).get("checkpoints", {})
        require_identity(path, recorded, {model: checkpoints.get(model) for model in recorded})
        frame = read_table(
            path, texts=study.texts, numbers=study.numbers, finite=False, may_be_empty=study.may_be_empty
        )
        if not frame.empty:
            check_rows(frame, columns, rows, path=path)
        frames.append(frame)
    frame = pd.concat(frames, ignore_index=True)
    document = study.document(frame, protocol=protocol)
    write_text(markdown, as_markdown(document))
    write_text(page, as_html(document))
    if frame.empty:
        logger.warning("%s", NOTHING)
        save_figure(empty_figure(NOTHING), svg)
        return
    logger.info("%s", study.answer(frame))
    save_figure(study.figure(frame, models=models, caption=protocol), svg)


if "snakemake" in globals():
    with job(Path(snakemake.log[0]), f"report_study {snakemake.wildcards.study}"):
        report_study(
            snakemake.wildcards.study,
            tables=dict(zip(map(Path, snakemake.input.tables), snakemake.params.rows, strict=True)),
            columns=snakemake.params.columns,
            markdown=Path(snakemake.output.markdown),
            page=Path(snakemake.output.page),
            svg=Path(snakemake.output.svg),
            models=snakemake.params.models,
            checkpoints={Path(path).stem: sha256_of_file(Path(path)) for path in snakemake.input.models},
            protocol=snakemake.params.protocol,
        )
