"""The page of features as one file of HTML: text, controls, data, charts, and the library that draws them."""

import base64
import gzip
import html
import json
from collections.abc import Sequence
from string import Template
from typing import Any

import vl_convert

from feature_sensitivity.reporting.explorer.charts import explorer_charts
from feature_sensitivity.reporting.explorer.controls import first_shown
from feature_sensitivity.reporting.explorer.data import ExplorerData

STYLE = """
:root { color-scheme: light; }
body { font: 15px/1.45 system-ui, sans-serif; color: #222; background: #fff; margin: 0 auto; padding: 1em 1.2em;
  max-width: 1400px; box-sizing: border-box; }
h1 { font-size: 1.4em; margin: 0 0 0.2em; }
p { margin: 0.3em 0 0.8em; max-width: 75em; }
.note { color: #555; font-size: 13px; }
.controls { display: grid; grid-template-columns: repeat(auto-fit, minmax(190px, 1fr)); gap: 0.6em 1.4em;
  align-items: start; background: #f5f5f5; border-radius: 8px; padding: 0.7em 1em; margin-bottom: 0.8em; }
label { font-weight: 600; font-size: 13px; display: block; }
input, select { font: inherit; width: 100%; box-sizing: border-box; padding: 0.2em 0.3em; }
input[type=range] { padding: 0; margin: 0.45em 0 0; }
:focus-visible { outline: 3px solid #0072b2; outline-offset: 1px; }
output { font-weight: 400; }
main { display: grid; grid-template-columns: minmax(0, 730px) minmax(0, 1fr); gap: 0 1.6em; align-items: start; }
@media (max-width: 1250px) { main { grid-template-columns: minmax(0, 1fr); } }
.wide { grid-column: 1 / -1; }
.chart { width: 100%; overflow-x: auto; margin-bottom: 0.8em; }
.vega-bindings { display: none; }
.chart image { image-rendering: pixelated; }
"""

# Each chart is bound to the controls, so they need no code of their own. Errors are logged, not the warning of every
# chart that is empty while a name is typed.
SCRIPT = """
const step = document.getElementById("step");
const tell = () => { step.nextElementSibling.value = step.ariaValueText = step.dataset.texts.split(", ")[step.value]; };
step.addEventListener("input", tell);
tell();
const packed = Uint8Array.from(atob(document.getElementById("packed").textContent), c => c.charCodeAt(0));
const unpacked = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
new Response(unpacked).json().then(({library, datasets, charts}) => {
  document.head.append(Object.assign(document.createElement("script"), {textContent: library}));
  const options = {actions: false, renderer: "svg", logLevel: 1};
  for (const [place, chart] of Object.entries(charts))
    vegaEmbed("#" + place, {...chart, datasets: structuredClone(datasets)}, options);
});
"""

PAGE = Template("""<!doctype html>
<html lang="en">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>$title</title><style>$style</style></head>
<body>
<h1>$title</h1>
<p>Each point is a feature of a network. Click on one, or type its name, to see what it is: its images and where they
move it, its weights, its numbers. Part of a name, such as a model's, marks all features that have it. Draw a box in the
scatter plot to count what is in it below; click on bars, several with Shift, to mark their features above; click on a
model in the legend to see only its features. A double click ends each of these.</p>
<form class="controls" onsubmit="return false">
<div><label for="search">Feature, such as $example</label>
<input id="search" type="search" list="names" value="$example" autocomplete="off" spellcheck="false">
<datalist id="names">$names</datalist></div>
<div><label for="step">Epsilon</label>
<input id="step" type="range" min="0" max="$last" step="1" value="$last" data-texts="$epsilons"><output></output></div>
<div><label for="x">Horizontal axis</label><select id="x">$x</select></div>
<div><label for="y">Vertical axis</label><select id="y">$y</select></div>
</form>
<main>
<div class="chart" id="map"></div>
<div class="chart" id="pictures"></div>
<div class="chart" id="weights"></div>
<div class="chart" id="curve"></div>
<div class="chart wide" id="numbers"></div>
</main>
<p class="note">$note</p>
<script type="text/plain" id="packed">$packed</script>
<script>$script</script>
</body>
</html>
""")


def explorer_page(data: ExplorerData, *, note: str) -> str:
    """Return the page; ``note`` states the settings below it. It needs no other file and no network."""
    first, n_models = first_shown(data), len(data.models)
    return PAGE.substitute(
        title=f"Features of {n_models} networks" if n_models > 1 else f"Features of {data.models[0]}",
        style=STYLE,
        example=first["search"],
        names="".join(f"<option>{name}</option>" for name in data.names),
        last=first["step"],
        epsilons=html.escape(", ".join(data.epsilons)),
        x=_options(data.measures, chosen=first["x"]),
        y=_options(data.measures, chosen=first["y"]),
        note=html.escape(note),
        packed=_packed(
            {
                "library": vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;"),
                "datasets": data.tables,
                "charts": explorer_charts(data),
            }
        ),
        script=SCRIPT,
    )


def _options(measures: Sequence[str], *, chosen: str) -> str:
    return "".join(
        f'<option value="{html.escape(name)}"{" selected" if name == chosen else ""}>'
        f"{html.escape(name.replace('_', ' '))}</option>"
        for name in measures
    )


def _packed(value: Any) -> str:
    """Return JSON, compressed, as text: browsers open no page of more than about 1.5 MB inside Snakemake's report."""
    content = gzip.compress(json.dumps(value, separators=(",", ":")).encode(), mtime=0)
    return base64.b64encode(content).decode()
