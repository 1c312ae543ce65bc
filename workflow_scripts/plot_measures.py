"""Draw how many features are useful and robust, and some measures of all features."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from feature_sensitivity.analysis.feature_tables import read_counts, read_features
from feature_sensitivity.config.models import model_of
from feature_sensitivity.config.units import in_both_units, number
from feature_sensitivity.reporting.figures.measures import feature_boxes_figure, feature_counts_figure
from feature_sensitivity.reporting.protocol import joined
from feature_sensitivity.reporting.samples import counts_sample
from feature_sensitivity.reporting.style import save_figure
from feature_sensitivity.runtime.console import job

LABELS: Mapping[str, str] = {
    "used_share": "share of the largest movement",
    "linearity": "largest movement / ($\\epsilon$ x norm of the gradient)",
}
"""What the axis of a measure's figure shows."""

NOTES: Mapping[str, str] = {
    "used_share": "movement under the attack on the classifier over the largest one; at 1 it is as large as under the "
    "attack on the feature itself",
    "linearity": "at 1 a feature moves as far as a linear one with the same gradient",
}


def plot_measures(
    *,
    counts: Path,
    features: Path,
    counts_svg: Path,
    measure_svgs: Mapping[str, Path],
    models: Sequence[str],
    epsilons: Sequence[str],
    expected: Mapping[str, Any],
    protocols: Mapping[str, str],
    spread: str,
    pooled: str,
) -> None:
    """Draw ``results/feature_counts.csv`` and ``results/features.csv``; write each SVG and, beside it, a PNG and a CSV.

    ``measure_svgs`` are by the measure's name. ``epsilons`` are as spelled in the config. Both tables must record the
    settings ``expected``. ``protocols``: ``features`` and ``class`` to what states the attack on each. ``spread`` says
    what counts are over seeds, ``pooled`` that boxes are of the features of all seeds; both are empty for one seed.
    """
    counted = read_counts(counts, expected=expected)
    titles = epsilon_titles(counted, epsilons)
    sample = counts_sample(counted)
    caption = joined(
        protocols["features"],
        sample,
        "black lines: 95 % interval of the robustly useful ones, below 100 images that of their bounds; their number "
        "is overestimated, since attacks find less than the true movement",
        spread,
    )
    figure = feature_counts_figure(counted, models=models, epsilons=titles, caption=caption)
    save_figure(figure, counts_svg, counted)
    if not measure_svgs:
        return
    table = read_features(features, epsilons, expected=expected)
    table["model"] = table.model.map(model_of)
    for measure, svg in measure_svgs.items():
        of_class = f"classifier: {protocols['class']}" if measure == "used_share" else ""
        caption = joined(
            f"Features: {protocols['features']}",
            of_class,
            sample,
            pooled,
            "boxes: middle half of the features and median, whiskers: 5 to 95 %",
            NOTES[measure],
        )
        figure, numbers = feature_boxes_figure(
            table[table.measure == measure], models=models, epsilons=titles, label=LABELS[measure], caption=caption
        )
        save_figure(figure, svg, numbers)


def epsilon_titles(counted: pd.DataFrame, epsilons: Sequence[str]) -> dict[str, str]:
    """Return each epsilon as spelled in the config, to a text with both units."""
    rows = counted.to_dict("records")
    return {
        epsilon: in_both_units([row for row in rows if number(row["epsilon"]) == number(epsilon)], spelled=epsilon)
        for epsilon in epsilons
    }


if "snakemake" in globals():
    with job(Path(snakemake.log[0]), "plot_measures"):
        counts_svg, *measure_svgs = map(Path, snakemake.params.svgs)
        plot_measures(
            counts=Path(snakemake.input.counts),
            features=Path(snakemake.input.features),
            counts_svg=counts_svg,
            measure_svgs=dict(zip(snakemake.params.drawn, measure_svgs, strict=True)),
            models=snakemake.params.models,
            epsilons=snakemake.params.epsilons,
            expected=snakemake.params.expected,
            protocols=snakemake.params.protocols,
            spread=snakemake.params.spread,
            pooled=snakemake.params.pooled,
        )
