"""Tables as pages of the report: Snakemake's report shows HTML, and offers CSV for download only."""

import html
import re

import pandas as pd

STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; color: #222; background: #fff; margin: 1.5em; max-width: 68em; }
table { border-collapse: collapse; margin: 1em 0; font-size: 14px; }
th, td { padding: 0.3em 0.8em 0.3em 0; text-align: left; vertical-align: top; border-bottom: 1px solid #ddd; }
th { border-bottom: 1.5px solid #444; }
td { font-variant-numeric: tabular-nums; }
h1 { font-size: 1.4em; } h2 { font-size: 1.1em; margin-top: 2em; }
p.note { color: #555; font-size: 13px; }
"""


def page(title: str, *blocks: str) -> str:
    """A self-contained page."""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{html.escape(title)}</title>'
        f"<style>{STYLE}</style></head><body><h1>{html.escape(title)}</h1>{''.join(blocks)}</body></html>\n"
    )


def heading(text: str) -> str:
    """A heading under the page's."""
    return f"<h2>{html.escape(text)}</h2>"


def paragraphs(*texts: str, note: bool = False) -> str:
    """Paragraphs; a note is small."""
    return "".join(f"<p{' class=note' * note}>{_inline(text)}</p>" for text in texts)


def html_table(frame: pd.DataFrame) -> str:
    """A table of text."""
    return frame.map(_inline).to_html(index=False, border=0, escape=False)


def _inline(text: str) -> str:
    """Escaped, with Markdown's `code` as in the texts that pages share with Markdown files."""
    return re.sub("`([^`]*)`", r"<code>\1</code>", html.escape(text))
