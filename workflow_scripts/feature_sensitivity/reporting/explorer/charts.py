"""The charts of the page of features, as Vega-Lite specifications."""

from typing import Any

from feature_sensitivity.reporting.explorer.data import ExplorerData
from feature_sensitivity.reporting.explorer.details import curve_chart, numbers_chart, pictures_chart, weights_chart
from feature_sensitivity.reporting.explorer.scatter import scatter_chart

CONFIG: dict[str, Any] = {
    "font": "system-ui, sans-serif",
    "view": {"stroke": None},
    "axis": {"gridColor": "#e8e8e8", "domainColor": "#888888", "tickColor": "#888888", "labelFontSize": 11},
    "title": {"fontSize": 13, "anchor": "start", "fontWeight": 600},
    "legend": {"orient": "top", "title": None, "columns": 4, "symbolSize": 90, "labelFontSize": 12, "labelLimit": 200},
}


def explorer_charts(data: ExplorerData) -> dict[str, dict[str, Any]]:
    """Return a specification for each place of the page, by the place's id; their data are ``data.tables``, by name."""
    charts = {
        "map": scatter_chart(data),
        "pictures": pictures_chart(data),
        "weights": weights_chart(data),
        "curve": curve_chart(data),
        "numbers": numbers_chart(data),
    }
    return {place: chart.configure(**CONFIG).to_dict() for place, chart in charts.items()}
