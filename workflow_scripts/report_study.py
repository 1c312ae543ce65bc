"""Write a study's table and answer, and draw its figure."""

from pathlib import Path
from typing import Any

import pandas as pd

from feature_sensitivity.reporting.pages import html_table, page, paragraphs
from feature_sensitivity.reporting.style import save_figure
from feature_sensitivity.runtime.console import job, logger
from feature_sensitivity.runtime.files import whole_file
from feature_sensitivity.studies.registry import STUDIES


def notes(settings: dict[str, Any]) -> str:
    """The settings, in one sentence."""
    accuracy, sensitivity = settings["accuracy"], settings["sensitivity"]
    own = ", ".join(f"{name} {value}" for name, value in settings["study"].items()).replace("'", "")
    return (
        f"{f'Study: {own}. ' if own else ''}"
        f"Accuracy: {accuracy['norm']} PGD on the cross-entropy, {accuracy['steps']} steps of "
        f"{accuracy['relative_step_size']} epsilon, {accuracy['images'] or 'all'} test images. "
        f"Sensitivity: {sensitivity['norm']} PGD, {sensitivity['steps']} steps of "
        f"{sensitivity['relative_step_size']} epsilon, {sensitivity['images']} test images, definition "
        f"{sensitivity['definition']}, weights {sensitivity['weight_normalization']}. Seed {settings['seed']}. "
        "Intervals at 95 %. Epsilon in standardized units; times "
        f"{255 * sum(settings['std']) / len(settings['std']):.1f} in 255ths of the pixel range"
    )


def main(snakemake: Any) -> None:
    """Unpack the rule."""
    output, settings, study = snakemake.output, snakemake.params.settings, STUDIES[snakemake.wildcards.study]
    with job(Path(snakemake.log[0]), f"report_study {snakemake.wildcards.study}"):
        frame = pd.concat([pd.read_csv(path) for path in snakemake.input.tables], ignore_index=True)
        table, answer, note = study.table(frame), study.answer(frame), notes(settings)
        logger.info("%s", answer)
        markdown = "\n\n".join(
            [
                f"# {study.title}",
                study.question,
                f"**{answer}**",
                table.to_markdown(index=False, disable_numparse=True),
                f"{note}.",
            ]
        )
        blocks = paragraphs(study.question, answer), html_table(table), paragraphs(f"{note}.", note=True)
        for path, content in ((output.markdown, f"{markdown}\n"), (output.page, page(study.title, *blocks))):
            with whole_file(Path(path)) as temporary:
                temporary.write_text(content)
        save_figure(study.figure(frame, models=settings["models"], caption=note), Path(output.svg))


if "snakemake" in globals():
    main(snakemake)
