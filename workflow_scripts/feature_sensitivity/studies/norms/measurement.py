"""Accuracy and mean sensitivity under each norm."""

from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from feature_sensitivity.config.units import COLUMNS
from feature_sensitivity.studies.variant_files import VariantFiles

NAMES = ("norm", "model", *COLUMNS, "n_images", "accuracy", "ci_low", "ci_high")


def compare(variants: Mapping[str, VariantFiles]) -> pd.DataFrame:
    """Return a row for each norm, model and epsilon: accuracy under attack, and mean sensitivity."""
    return pd.DataFrame([row for files in variants.values() for row in _rows(files)])


def _rows(files: VariantFiles) -> Iterator[dict[str, Any]]:
    accuracy, run = files.accuracies(), files.run()
    for row in accuracy[accuracy.epsilon > 0].to_dict("records"):
        sensitivity = run.sensitivity_of(row["model"], row["epsilon"])
        yield {
            **{name: row[name] for name in NAMES if name in row},
            "sensitivity": sensitivity.value,
            "sensitivity_low": sensitivity.low,
            "sensitivity_high": sensitivity.high,
        }
