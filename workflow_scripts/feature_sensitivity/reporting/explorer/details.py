"""The charts of the feature whose name is in the search field."""

import altair as alt

from feature_sensitivity.config.replicates import model_of
from feature_sensitivity.reporting.explorer.controls import DARK, DIGITS, AnyChart, bound, features, styles, words
from feature_sensitivity.reporting.explorer.data import KINDS, ExplorerData
from feature_sensitivity.reporting.style import COLORS

SIDE = 92
"""Of a picture, in pixels of the screen."""

HEADINGS = dict(zip(KINDS, ("clean", "maximum", "perturbation", "minimum", "perturbation"), strict=True))


def pictures_chart(data: ExplorerData) -> AnyChart:
    """Return the images of the feature whose name is searched for, with their extrema at the chosen epsilon."""
    n_images = max(1, data.n_images)
    heading = " : ".join(f"datum.value == '{kind}' ? '{text}'" for kind, text in HEADINGS.items()) + " : ''"
    description = "join([datum.kind, 'of', datum.name, 'at', datum.image, datum.label, datum.text], ' ')"
    base = (
        alt.Chart(alt.NamedData("pictures"))
        .transform_filter("datum.name == search && datum.step == step")
        .transform_lookup(
            lookup="picture", from_=alt.LookupData(alt.NamedData("sources"), key="picture", fields=["source"])
        )
        .transform_calculate(row="datum.image + '|' + datum.label")
        .encode(
            x=alt.X(
                "kind:O",
                title=None,
                scale=alt.Scale(domain=list(KINDS)),
                axis=alt.Axis(
                    orient="top", labelExpr=heading, labelAngle=0, domain=False, ticks=False, labelFontWeight="bold"
                ),
            ),
            y=alt.Y(
                "row:O",
                title=None,
                sort=None,
                axis=alt.Axis(
                    labelExpr="split(datum.label, '|')",
                    domain=False,
                    ticks=False,
                    labelLineHeight=14,
                    minExtent=60,
                ),
            ),
        )
    )
    return (
        alt.layer(
            base.mark_image(width=SIDE, height=SIDE)
            .encode(url="source:N", description=alt.Description("description:N"))
            .transform_calculate(description=description),
            base.mark_text(dy=SIDE / 2 + 2, baseline="top", fontSize=11).encode(text="text:N"),
            alt.Chart(alt.sequence(1))
            .transform_filter("indexof(pictured, search) < 0")
            .mark_text(
                text=["No pictures are kept of this feature.", "Those with a dark outline have some."],
                x=alt.expr("width / 2"),
                y=50,
                fontSize=13,
                lineHeight=18,
            ),
        )
        .properties(
            width=5 * (SIDE + 8),
            height=n_images * (SIDE + 26),
            title=alt.Title(alt.expr("'Extremal images of ' + search + ' at epsilon ' + epsilons[step]")),
        )
        .add_params(
            alt.param(name="epsilons", value=list(data.epsilons)),
            *bound(data, "search", "step"),
            alt.param(name="pictured", value=list(data.pictured)),
        )
    )


def weights_chart(data: ExplorerData) -> AnyChart:
    """Return the weights of the feature in the linear layer."""
    bars = (
        alt.Chart(
            alt.NamedData(
                "weights", format=alt.CsvDataFormat(type="csv", parse={"class": "number", "weight": "number"})
            )
        )
        .transform_filter("datum.name == search")
        .mark_bar()
        .encode(
            x=alt.X("class:O", title="class", axis=alt.Axis(labelAngle=0)),
            y=alt.Y("weight:Q", title=None, axis=alt.Axis(tickCount=5)),
            color=alt.condition("datum.weight > 0", alt.value(COLORS[0]), alt.value(COLORS[1])),
            tooltip=["class:O", alt.Tooltip("weight:Q", format=DIGITS)],
        )
    )
    none = (
        alt.Chart(alt.sequence(1))
        .transform_filter("indexof(unweighted, split(search, ' ')[0]) >= 0")
        .mark_text(
            text="No linear layer stands behind this model's features.", x=alt.expr("width / 2"), y=40, fontSize=13
        )
    )
    return (
        alt.layer(bars, none)
        .properties(width="container", height=130, title="Weights to the classes")
        .add_params(*bound(data, "search"), alt.param(name="unweighted", value=list(data.unweighted)))
    )


def curve_chart(data: ExplorerData) -> AnyChart:
    """Return the measure of the horizontal axis against epsilon: of the feature, and of the same number elsewhere."""
    colors, _ = styles(data.models)
    model = "split(search, ' ')[0]"
    rows = alt.Chart(features(data)).transform_calculate(value="datum[x]").transform_filter("isValid(datum.value)")
    # Quantitative, though with a label at each epsilon only.
    labels = " : ".join(
        f"datum.value == {number!r} ? '{text.split(' ')[0]}'"
        for number, text in zip(data.numbers, data.epsilons, strict=True)
    )
    x = alt.X(
        "epsilon:Q",
        title="epsilon",
        scale=alt.Scale(zero=False, nice=False, padding=12),
        axis=alt.Axis(values=list(data.numbers), labelExpr=f"{labels} : ''", grid=False),
    )
    y = alt.Y("value:Q", title=None, axis=alt.Axis(tickCount=5))
    band = (
        rows.transform_filter(f"datum.model == {model}")
        .mark_errorband(extent="iqr", color="#bbbbbb", opacity=0.45)
        .encode(x=x, y=y)
    )
    same = rows.transform_filter(f"datum.base == replace({model}, regexp('_seed[0-9]+$'), '')").transform_filter(
        "datum.feature == toNumber(split(search, ' ')[1])"
    )
    is_own = "datum.name == search"
    lines = same.encode(
        x=x,
        y=y,
        detail="name:N",
        color=alt.Color("model:N", legend=None, scale=alt.Scale(domain=list(data.models), range=colors)),
        strokeWidth=alt.condition(is_own, alt.value(3.5), alt.value(1.3)),
        strokeDash=alt.condition(is_own, alt.value([1, 0]), alt.value([4, 3])),
        tooltip=["name:N", alt.Tooltip("value:Q", format=DIGITS)],
    )
    now = (
        same.transform_filter("datum.name == search && datum.step == step")
        .mark_point(size=160, filled=False, strokeWidth=2, stroke=DARK)
        .encode(x=x, y=y)
    )
    subtitle = ["thick: this feature; band: the middle half of its model's features"]
    if any(model_of(model) != model for model in data.models):
        subtitle.append("dashed: the feature of this number in networks of other seeds, which is another feature")
    return (
        alt.layer(band, lines.mark_line(), lines.mark_point(filled=True, size=35), now)
        .properties(
            width="container",
            height=150,
            title=alt.Title(
                alt.expr(f"{words('x')} + ' against epsilon'"),
                subtitle=subtitle,
                subtitleFontSize=11,
                subtitleColor="#555555",
            ),
        )
        .add_params(*bound(data, "search", "step", "x"))
    )


def numbers_chart(data: ExplorerData) -> AnyChart:
    """Return every measure of the feature at the chosen epsilon, in two columns."""
    n_lines = -(-len(data.measures) // 2)
    base = (
        alt.Chart(features(data))
        .transform_filter("datum.name == search && datum.step == step")
        .transform_fold(list(data.measures), as_=["measure", "value"])
        .transform_window(number="row_number()")
        .transform_calculate(
            column=f"floor((datum.number - 1) / {n_lines})",
            line=f"(datum.number - 1) % {n_lines}",
            words=words("datum.measure"),
            shown=f"isValid(datum.value) ? format(datum.value, '{DIGITS}') : 'undefined'",
        )
        .transform_calculate(end="datum.column + 0.9")
    )
    y = alt.Y("line:O", axis=None)
    scale = alt.Scale(domain=[0, 2], nice=False)
    return (
        alt.layer(
            base.mark_text(align="left", fontSize=12).encode(
                x=alt.X("column:Q", axis=None, scale=scale), y=y, text="words:N"
            ),
            base.mark_text(align="right", fontSize=12, fontWeight="bold").encode(
                x=alt.X("end:Q", axis=None, scale=scale), y=y, text="shown:N"
            ),
        )
        .properties(width="container", height=17 * n_lines, title=alt.Title(alt.expr("'Measures of ' + search")))
        .add_params(*bound(data, "search", "step"))
    )
