"""Write the summary: one row for each model and epsilon."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from feature_sensitivity.analysis.accuracy_tables import AccuracyFiles
from feature_sensitivity.analysis.history_tables import read_history
from feature_sensitivity.analysis.run import read_sensitivities
from feature_sensitivity.analysis.sanity_checks import sanity_warnings
from feature_sensitivity.analysis.summary import summarize
from feature_sensitivity.analysis.tables import write_table
from feature_sensitivity.config.measurement import OUTPUTS
from feature_sensitivity.config.units import UNIT_TITLES, unit_of
from feature_sensitivity.evaluation.expected_sensitivity import SensitivityFiles
from feature_sensitivity.reporting.documents import as_html, as_markdown, as_text, write_text
from feature_sensitivity.reporting.protocol import joined
from feature_sensitivity.reporting.samples import accuracy_sample, sensitivity_sample
from feature_sensitivity.reporting.summary import summary_document
from feature_sensitivity.runtime.console import job, logger
from feature_sensitivity.runtime.identity import derived_from


def summarize_results(
    *,
    accuracy: AccuracyFiles,
    histories: Mapping[str, Path],
    of_training: Mapping[str, Mapping[str, Any]],
    sensitivity: SensitivityFiles,
    csv: Path,
    markdown: Path,
    page: Path,
    text: Path,
    accuracy_protocol: str,
    sensitivity_protocol: str,
    spread: str,
) -> None:
    """Write the summary as CSV, as Markdown, as an HTML page and as text for the terminal; log what is odd.

    ``histories``: replicate to its ``results/models/{model}.history.csv``, for those that were trained here, which must
    record the settings ``of_training``. ``csv`` has every number, ``markdown`` and ``page`` the main columns, the
    settings and what is odd, ``text`` the same without the settings. The protocols state the attacks and the
    definition; ``spread`` says what the intervals, or the spread over seeds, are.
    """
    accuracies, check_tables = accuracy.read(), accuracy.read_checks()
    trained = {name: read_history(path, expected=of_training[name]) for name, path in histories.items()}
    files = read_sensitivities(sensitivity)
    summary = summarize(pd.concat(accuracies.values(), ignore_index=True), files)
    warnings = []
    for name, rows in accuracies.items():
        warnings += sanity_warnings(rows, check_tables[name], trained.get(name))
    for warning in warnings:
        logger.warning("%s", warning)
    unweighted = sorted({model for (model, _), file in files.items() if len(file.weight) == 0})
    outputs = sorted({name for (name, _), file in files.items() if file.attributes.get("feature_layer") == OUTPUTS})
    note = (
        f"Accuracy: {joined(accuracy_protocol, accuracy_sample(summary), spread)}. "
        f"Sensitivity: {joined(sensitivity_protocol, sensitivity_sample(list(files.values())))}. "
        "Normality: D'Agostino and Pearson's test. "
        f"Epsilon in {UNIT_TITLES[unit_of(summary)]}."
        + _of_models("Unweighted, since no linear layer takes these features", unweighted)
        + _of_models("The outputs themselves are measured, since nothing linear makes them", outputs)
    )
    checked = pd.concat(check_tables.values(), ignore_index=True)
    document = summary_document(summary, checked, note=note, warnings=warnings)
    write_table(csv, summary, made_from=derived_from(accuracy, sensitivity))
    write_text(markdown, as_markdown(document))
    write_text(page, as_html(document))
    write_text(text, as_text(document))


def _of_models(sentence: str, models: Sequence[str]) -> str:
    return f" {sentence}: {', '.join(models)}." if models else ""


if "snakemake" in globals():
    with job(Path(snakemake.log[0]), "summarize_results"):
        summarize_results(
            accuracy=AccuracyFiles.of_rule(snakemake.input, snakemake.params.accuracy),
            histories=dict(zip(snakemake.params.histories, map(Path, snakemake.input.histories), strict=True)),
            of_training=snakemake.params.histories,
            sensitivity=SensitivityFiles.of_rule(snakemake.input, snakemake.params.sensitivity),
            csv=Path(snakemake.output.csv),
            markdown=Path(snakemake.output.markdown),
            page=Path(snakemake.output.page),
            text=Path(snakemake.output.text),
            accuracy_protocol=snakemake.params.accuracy_protocol,
            sensitivity_protocol=snakemake.params.sensitivity_protocol,
            spread=snakemake.params.spread,
        )
