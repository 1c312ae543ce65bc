"""Write the summary: one row for each model and epsilon."""

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from feature_sensitivity.analysis.estimates import describe
from feature_sensitivity.analysis.sanity_checks import diagnose
from feature_sensitivity.analysis.seeds import accuracy_over_seeds, over_seeds
from feature_sensitivity.config.units import in_both_units
from feature_sensitivity.evaluation.sensitivity import read_sensitivities
from feature_sensitivity.evaluation.sensitivity_file import SensitivityFile
from feature_sensitivity.reporting.pages import heading, html_table, page, paragraphs
from feature_sensitivity.reporting.protocol import accuracy_settings, sensitivity_settings
from feature_sensitivity.runtime.console import job, logger
from feature_sensitivity.runtime.files import whole_file


def summarize(accuracy: pd.DataFrame, files: dict[tuple[str, str], SensitivityFile]) -> pd.DataFrame:
    """Accuracy with interval for every epsilon, 0 included, and the distribution of sensitivities where measured.

    ``accuracy`` and ``files`` are those of every replicate; a row is a model at an epsilon.
    """
    rows = []
    for (replicate, epsilon), file in files.items():
        described = {f"sensitivity_{name}": value for name, value in describe(file.sensitivity).items()}
        zero = {"zero_gradient": float(np.mean(file.zero_gradient))}
        rows.append({"model": replicate, "epsilon": float(epsilon), **described, **zero})
    sensitivity = pd.DataFrame(rows)
    sensitivity = over_seeds(sensitivity, by=["epsilon"], numbers=list(sensitivity.columns[2:]))
    return accuracy_over_seeds(accuracy).merge(sensitivity, how="left")


def readable(summary: pd.DataFrame, std: list[float]) -> pd.DataFrame:
    """The columns that a person reads first, as text."""

    def cell(row: pd.Series, name: str) -> str:
        return f"{row[name]:.4f}" if np.isfinite(row.get(name, np.nan)) else "-"

    def mean(row: pd.Series) -> str:
        spread = cell(row, "sensitivity_mean_seed_std")
        return cell(row, "sensitivity_mean") + ("" if spread == "-" else f" ± {spread}")

    return pd.DataFrame(
        {
            "model": summary.model,
            "epsilon": [in_both_units(f"{epsilon:g}", std) for epsilon in summary.epsilon],
            "accuracy %": [accuracy_text(row) for _, row in summary.iterrows()],
            "sensitivity mean": [mean(row) for _, row in summary.iterrows()],
            "std": [cell(row, "sensitivity_std") for _, row in summary.iterrows()],
            "median": [cell(row, "sensitivity_q50") for _, row in summary.iterrows()],
            "skewness": [cell(row, "sensitivity_skewness") for _, row in summary.iterrows()],
            "normality p": [f"{p:.1g}" if np.isfinite(p) else "-" for p in summary.sensitivity_normality_p],
        }
    )


def accuracy_text(row: pd.Series) -> str:
    """An accuracy in percent, with its interval, or with its spread over the seeds where there are several."""
    spread = row.get("accuracy_seed_std", np.nan)
    interval = f"({100 * row.ci_low:.1f}-{100 * row.ci_high:.1f})"
    return f"{100 * row.accuracy:.1f} " + (f"± {100 * spread:.1f}" if np.isfinite(spread) else interval)


def under_stronger_attack(summary: pd.DataFrame, checks: pd.DataFrame) -> list[str]:
    """For each row of ``summary``, the accuracy under Auto-PGD as text, empty where that was not measured."""
    pooled = accuracy_over_seeds(checks[checks.attack == "apgd"])
    apgd = {(row.model, row.epsilon): accuracy_text(row) for _, row in pooled.iterrows()}
    return [apgd.get((row.model, row.epsilon), "") for row in summary.itertuples()]


def main(snakemake: Any) -> None:
    """Unpack the rule."""
    params, output = snakemake.params, snakemake.output
    with job(Path(snakemake.log[0]), "summarize_results"):
        accuracy = pd.concat([pd.read_csv(path) for path in snakemake.input.accuracy])
        keys = product(params.replicates, params.epsilons)
        files = read_sensitivities(snakemake.input.sensitivity, **params.derivation)
        summary = summarize(accuracy, dict(zip(keys, files, strict=True)))
        tables = [pd.read_csv(path) for path in snakemake.input.checks]
        table = readable(summary, params.std)
        stronger = under_stronger_attack(summary, pd.concat(tables))
        if any(stronger):
            table.insert(3, "under APGD %", stronger)
        spread = (
            f". With ±: mean and standard deviation over {params.seeds}; other columns: the mean"
            if params.seeds
            else ", 95 % Wilson intervals"
        )
        notes = (
            f"Accuracy: {accuracy_settings(accuracy, params.settings)}{spread}. "
            f"Sensitivity: {sensitivity_settings(files)}. "
            "Epsilon in standardized units (255ths of the pixel range)."
        )
        histories = dict(zip(params.trained, map(pd.read_csv, snakemake.input.histories), strict=True))
        warnings = [
            warning
            for (replicate, rows), checks in zip(accuracy.groupby("model", sort=False), tables, strict=True)
            for warning in diagnose(rows, checks, histories.get(replicate))
        ]
        for warning in warnings:
            logger.warning("%s", warning)
        bullets = "".join(f"- {warning}\n" for warning in warnings)
        for path, content in (
            (output.csv, summary.to_csv(index=False)),
            (
                output.markdown,
                f"{table.to_markdown(index=False)}\n\n{notes}\n" + f"\n## Warnings\n\n{bullets}" * bool(warnings),
            ),
            (
                output.page,
                page(
                    "Accuracy and sensitivity",
                    html_table(table),
                    paragraphs(notes, note=True),
                    *([heading("Warnings"), paragraphs(*warnings)] if warnings else []),
                ),
            ),
            (output.text, f"{table.to_string(index=False)}\n" + f"\nWarnings:\n{bullets}" * bool(warnings)),
        ):
            with whole_file(Path(path)) as temporary:
                temporary.write_text(content)


if "snakemake" in globals():
    main(snakemake)
