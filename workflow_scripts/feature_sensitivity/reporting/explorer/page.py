"""The page of features as one file of HTML, made from ``page.html``, ``page.css``, ``charts.js`` and ``page.js``."""

import base64
import gzip
import html
import json
from pathlib import Path
from string import Template

import vl_convert

from feature_sensitivity.reporting.explorer.data import ExplorerData

FOLDER = Path(__file__).parent


def explorer_page(data: ExplorerData, *, note: str) -> str:
    """Return the page; ``note`` states the settings below it. It needs no other file and no network."""
    models = data.shown["models"]
    title = f"Features of {len(models)} networks" if len(models) > 1 else f"Features of {models[0]['name']}"
    blocks = {
        "library": vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;"),
        "data": _json(data.shown),
        **{f"pictures-{number}": _json(pictures) for number, pictures in data.pictures.items()},
    }
    return Template(_text("page.html")).substitute(
        title=html.escape(title),
        style=_text("page.css"),
        note=html.escape(note),
        blocks="\n".join(
            f'<script type="text/plain" id="{name}">{_packed(text)}</script>' for name, text in blocks.items()
        ),
        script=_text("charts.js") + _text("page.js"),
    )


def _text(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


def _json(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), allow_nan=False)


def _packed(text: str) -> str:
    """Return text, compressed, in base64: browsers open no page of more than about 1.5 MB inside Snakemake's report."""
    return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()
