"""What the charts of the page of features share: the controls that they are bound to, and their look.

The charts know of each other through the page alone: each is bound to its controls (``BindDirect``), so a click on a
point writes the feature's name into the search field, and every chart reads it there.
"""

from collections.abc import Sequence
from typing import Any

import altair as alt

from feature_sensitivity.reporting.explorer.data import ExplorerData
from feature_sensitivity.reporting.style import COLORS

AnyChart = alt.Chart | alt.LayerChart | alt.FacetChart | alt.VConcatChart

SHAPES = ("circle", "square", "triangle-up", "diamond", "triangle-down", "cross", "triangle-right")
"""As many as there are colours."""

DARK = "#222222"

DIGITS = ".4~g"
"""Of numbers that are read, not drawn."""


def words(measure: str) -> str:
    """Return an expression of a measure's name as words; ``measure`` is an expression, too."""
    return f"replace({measure}, regexp('_', 'g'), ' ')"


def styles(models: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return a colour and a shape for each model; no pair comes twice for up to 49 models."""
    n = len(COLORS)
    return (
        [COLORS[number % n] for number in range(len(models))],
        [SHAPES[(number + number // n) % n] for number in range(len(models))],
    )


def first_shown(data: ExplorerData) -> dict[str, Any]:
    """Return what the page's controls show first, by their ids."""
    x, y = (
        wanted if wanted in data.measures else data.measures[min(number, len(data.measures) - 1)]
        for number, wanted in enumerate(("sensitivity", "robust_usefulness"))
    )
    return {"search": [*data.pictured, *data.names][0], "step": len(data.epsilons) - 1, "x": x, "y": y}


def bound(data: ExplorerData, *controls: str) -> list[alt.Parameter]:
    """Return parameters with the values of the page's controls of these ids."""
    first = first_shown(data)
    return [alt.param(name=name, value=first[name], bind=alt.BindDirect(element=f"#{name}")) for name in controls]


def features(data: ExplorerData) -> alt.NamedData:
    """Return the table with a row for each feature and epsilon."""
    numbers = ("feature", "epsilon", "step", "pictures", *data.measures)
    return alt.NamedData("features", format=alt.CsvDataFormat(type="csv", parse=dict.fromkeys(numbers, "number")))
