"""Derive the measures of every feature, and count useful and robust ones."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from feature_sensitivity.analysis.feature_counts import counts_over_seeds, feature_counts
from feature_sensitivity.analysis.measured_features import from_files
from feature_sensitivity.analysis.measures import DIGITS, measure_table, neuron_sensitivity
from feature_sensitivity.analysis.tables import write_table
from feature_sensitivity.config.units import COLUMNS
from feature_sensitivity.evaluation.expected_attacked import AttackedFiles
from feature_sensitivity.evaluation.expected_sensitivity import SensitivityFiles
from feature_sensitivity.reporting.documents import as_html, as_markdown, write_text
from feature_sensitivity.reporting.feature_counts import counts_document
from feature_sensitivity.reporting.protocol import joined
from feature_sensitivity.reporting.samples import sensitivity_sample
from feature_sensitivity.runtime.console import job
from feature_sensitivity.runtime.identity import derived_from


def derive_measures(
    *,
    sensitivity: SensitivityFiles,
    attacked: AttackedFiles,
    measures: Sequence[str] | None,
    features: Path,
    counts: Path,
    markdown: Path,
    page: Path,
    protocol: str,
    spread: str,
) -> None:
    """Write the measures of every feature, and how many features are useful and robust, as CSV, Markdown and HTML.

    ``features`` has a row for each replicate, epsilon, feature and measure, ``counts`` for each model and epsilon.
    ``protocol`` states the attack on features; ``spread``, empty for one seed, says what the numbers are over seeds.
    """
    files, of_attack = sensitivity.read(), attacked.read()
    tables, rows = [], []
    for (model, epsilon), file in files.items():
        measured = from_files(
            file,
            of_attack[model],
            epsilon=sensitivity.epsilons.index(epsilon),
            definition=sensitivity.settings[model].definition,
            normalization=sensitivity.settings[model].weight_normalization,
        )
        units = {name: float(file.attributes[name]) for name in COLUMNS if name in file.attributes}
        names = {"model": model, "epsilon": epsilon, "epsilon_255": units["epsilon_255"]}
        tables.append(measure_table(measured, file.feature_index, measures=measures).assign(**names))
        rows.append(
            {
                "model": model,
                **units,
                "n_images": len(file.label),
                **feature_counts(measured),
                "latent_vulnerability": neuron_sensitivity(measured).sum(),
                "seed": int(file.attributes["seed"]),
            }
        )
    table = pd.concat(tables, ignore_index=True)
    table["value"] = [DIGITS % value if value == value else "" for value in table["value"]]
    counted = counts_over_seeds(pd.DataFrame(rows))
    note = joined(protocol, sensitivity_sample(list(files.values())), spread)
    document = counts_document(counted, note=note)
    made_from = derived_from(sensitivity, attacked)
    columns = ["model", "epsilon", "epsilon_255", "feature", "measure", "value"]
    write_table(features, table[columns], made_from={**made_from, "measures": measures})
    write_table(counts, counted, made_from=made_from)
    write_text(markdown, as_markdown(document))
    write_text(page, as_html(document))


if "snakemake" in globals():
    with job(Path(snakemake.log[0]), "derive_measures"):
        sensitivity = SensitivityFiles.of_rule(snakemake.input, snakemake.params.sensitivity)
        derive_measures(
            sensitivity=sensitivity,
            attacked=AttackedFiles.of_rule(snakemake.input, snakemake.params.attacked, sensitivity),
            measures=snakemake.params.measures,
            features=Path(snakemake.output.features),
            counts=Path(snakemake.output.counts),
            markdown=Path(snakemake.output.markdown),
            page=Path(snakemake.output.page),
            protocol=snakemake.params.protocol,
            spread=snakemake.params.spread,
        )
