"""The chart of all features: a scatter plot of two measures, and a histogram of each."""

from typing import Any

import altair as alt

from feature_sensitivity.reporting.explorer.controls import DARK, DIGITS, AnyChart, bound, features, styles, words
from feature_sensitivity.reporting.explorer.data import ExplorerData

N_BARS = 30

FADED, GREY = 0.07, "#e4e4e4"

WIDTH, HEIGHT = 650, 400
"""Of the scatter plot, in pixels of the screen; two histograms stand side by side below it."""


def scatter_chart(data: ExplorerData) -> AnyChart:
    """Return the scatter of all features and, below it, a histogram of each of its two measures."""
    colors, shapes = styles(data.models)
    color = alt.Color("model:N", scale=alt.Scale(domain=list(data.models), range=colors))
    shape = alt.Shape("model:N", scale=alt.Scale(domain=list(data.models), range=shapes))
    is_a_name = f"test(regexp(' [0-9]{{{len(data.names[0].split()[1])}}}$'), search)"
    found = f"search == '' || {is_a_name} || indexof(datum.name, search) >= 0"
    rows = alt.Chart(features(data)).transform_filter("datum.step == step")
    for axis in "xy":
        value, low, width = f"{axis}_value", f"{axis}_low", f"datum.{axis}_width"
        start = f"datum.{low} + {width} * min({N_BARS - 1}, floor((datum.{value} - datum.{low}) / {width}))"
        extent: dict[str, Any] = {low: f"min({value})", f"{axis}_high": f"max({value})"}
        rows = (
            rows.transform_calculate(**{value: f"datum[{axis}]"})
            .transform_filter(f"isValid(datum.{value})")
            .transform_joinaggregate(**extent)
            .transform_calculate(**{f"{axis}_width": f"(datum.{axis}_high - datum.{low}) / {N_BARS} || 1"})
            .transform_calculate(**{f"{axis}_start": start})
            .transform_calculate(**{f"{axis}_end": f"datum.{axis}_start + {width}"})
        )
    # Values within an old range say nothing of a new measure.
    cleared = "dblclick, window:change[event.target.id != 'search']"
    brush = alt.selection_interval(name="brush", clear=cleared)
    bars = {axis: alt.selection_point(name=f"{axis}_bars", fields=[f"{axis}_start"], clear=cleared) for axis in "xy"}
    of_model = alt.selection_point(name="of_model", fields=["model"], bind="legend")
    pick = alt.selection_point(
        name="pick",
        fields=["name"],
        on="symbol:click[event.item.datum.name]",
        clear=False,
        bind={"name": alt.BindDirect(element="#search")},  # type: ignore[arg-type]
    )
    conditions: list[Any] = [{"param": "of_model"}, {"param": "x_bars"}, {"param": "y_bars"}, found]
    labels = {axis: f"{words(axis)} + ' ' + format(datum.{axis}_value, '{DIGITS}')" for axis in "xy"}
    points = (
        rows.transform_calculate(horizontal=labels["x"], vertical=labels["y"])
        .mark_point(filled=True, size=55, strokeWidth=1.2)
        .encode(
            x=alt.X("x_value:Q", title=None, scale=alt.Scale(zero=False), axis=alt.Axis(tickCount=10)),
            y=alt.Y("y_value:Q", title=None, scale=alt.Scale(zero=False), axis=alt.Axis(tickCount=8)),
            color=color,
            shape=shape,
            opacity=alt.OpacityValue(FADED, condition={"test": {"and": conditions}, "value": 0.8}),
            stroke=alt.condition("datum.pictures == 1", alt.value("#000000"), alt.value(None)),
            tooltip=["name:N", "horizontal:N", "vertical:N"],
        )
        .add_params(of_model, brush, pick)
    )
    ring = (
        rows.transform_filter("datum.name == search")
        .mark_point(size=420, filled=False, stroke=DARK, strokeWidth=2.5)
        .encode(x="x_value:Q", y="y_value:Q")
    )
    # Texts in place of the axes' own titles, which cannot change.
    title = alt.Chart(alt.sequence(1))
    titles = [
        title.mark_text(text=alt.expr(words("x")), x=WIDTH / 2, y=HEIGHT + 32, fontWeight=600),
        title.mark_text(text=alt.expr(words("y")), x=-46, y=HEIGHT / 2, angle=270, fontWeight=600),
    ]
    scatter = alt.layer(points, ring, *titles).properties(width=WIDTH, height=HEIGHT)
    shown = {"and": [*conditions, {"param": "brush"}]}
    histograms = [_histogram(rows, axis, shown=shown, color=color, bars=bars[axis]) for axis in "xy"]
    return alt.vconcat(scatter, alt.hconcat(*histograms)).add_params(*bound(data, "search", "step", "x", "y"))


def _histogram(
    rows: alt.Chart, axis: str, *, shown: Any, color: alt.Color, bars: alt.Parameter
) -> alt.LayerChart | alt.FacetChart:
    """Return the histogram of all features in grey, and of those that are chosen elsewhere in front of it."""
    counted: dict[str, Any] = {"groupby": [f"{axis}_start", f"{axis}_end", "model"], "features": "count()"}
    encodings: dict[str, Any] = {
        "x": alt.X(
            f"{axis}_start:Q", bin="binned", title=None, scale=alt.Scale(zero=False), axis=alt.Axis(tickCount=7)
        ),
        "x2": f"{axis}_end:Q",
        "y": alt.Y("sum(features):Q", title="features", axis=alt.Axis(tickCount=4, format="d")),
    }
    everything = rows.transform_aggregate(**counted).mark_bar(color=GREY).encode(**encodings).add_params(bars)
    part = rows.transform_filter(shown).transform_aggregate(**counted).mark_bar().encode(**encodings, color=color)
    return alt.layer(everything, part).properties(
        width=WIDTH / 2 - 25, height=110, title=alt.Title(alt.expr(words(axis)), fontSize=12)
    )
