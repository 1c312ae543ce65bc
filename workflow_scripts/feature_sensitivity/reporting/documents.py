"""Documents of text and tables, written as Markdown, as a page of HTML, or as text for a terminal.

A document is a sequence of blocks. A plain string is a paragraph; in paragraphs, notes, lists and tables `code` and
**strong** are as in Markdown, and whatever else would be markup is shown as it is written. The report of a run shows
HTML, but offers CSV for download only.
"""

import base64
import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from feature_sensitivity.runtime.files import whole_file

STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; color: #222; background: #fff; margin: 1.5em; max-width: 68em; }
table { border-collapse: collapse; margin: 1em 0; font-size: 14px; }
th, td { padding: 0.3em 0.8em 0.3em 0; text-align: left; vertical-align: top; border-bottom: 1px solid #ddd; }
th { border-bottom: 1.5px solid #444; }
td { font-variant-numeric: tabular-nums; }
h1 { font-size: 1.4em; } h2 { font-size: 1.1em; margin-top: 2em; }
p.note { color: #555; font-size: 13px; }
"""


OWN_MARKUP = re.compile(r"((?<!`)`[^`]+`(?!`)|\*\*(?=[^\s*])|(?<=[^\s*])\*\*)")
"""Between single backticks `code`, and what begins or ends **strong** text."""

MARKUP = re.compile(r"[\\<*`]|\](?=[(\[:])|&(?=#?\w+;)|(?<!\w)_|_(?!\w)|~~|(?<=\s)#(?=#*$)")
"""Characters that begin markup within a line: tags, emphasis, links, entities, strikethrough."""

BLOCK_MARKUP = re.compile(r"^(\d*)((?:#+|[-+.)])(?=\s|$)|>|=+$|-[-\s]+$)")
"""What makes the line that it begins a heading, a list, a quotation or a rule."""


@dataclass(frozen=True)
class Heading:
    """A heading below the document's title."""

    text: str


@dataclass(frozen=True)
class Note:
    """A paragraph in small print."""

    text: str


@dataclass(frozen=True)
class Bullets:
    """A list of sentences; ``signs``: the sign before each, and the class of its style."""

    items: Sequence[str]
    signs: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class Picture:
    """A PNG file with its caption: Markdown links to it, ``width`` pixels wide; HTML holds its ``content``."""

    path: Path
    caption: str
    width: int | None = None
    content: bytes = b""


@dataclass(frozen=True)
class Written:
    """Markdown by a person or from another page, which stays as it is."""

    text: str


Block = str | Heading | Note | Bullets | Picture | Written | pd.DataFrame
"""A table is a data frame of text."""


@dataclass(frozen=True)
class Document:
    """A title and what follows it."""

    title: str
    blocks: Sequence[Block]


def as_markdown(document: Document) -> str:
    """Return the document as Markdown."""
    return "\n\n".join([f"# {escaped(document.title)}", *map(_markdown, document.blocks)]) + "\n"


def as_html(document: Document) -> str:
    """Return the document as a self-contained page."""
    return page(html.escape(document.title), body(document))


def body(document: Document) -> str:
    """Return the HTML of the document within a page."""
    return f"<h1>{html.escape(document.title)}</h1>" + "".join(map(_html, document.blocks))


def page(title: str, body: str, *, style: str = "") -> str:
    """Return a self-contained page from escaped HTML; ``style`` comes on top of that of all pages."""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f"<style>{STYLE}{style}</style></head><body>{body}</body></html>\n"
    )


def as_text(document: Document) -> str:
    """Return the document for a terminal, without its title and notes."""
    return "\n\n".join(_text(block) for block in document.blocks if not isinstance(block, Note)) + "\n"


def write_text(path: Path, content: str) -> None:
    """Write ``content`` as UTF-8, whole or not at all."""
    with whole_file(path) as temporary:
        temporary.write_text(content, encoding="utf-8")


def _markdown(block: Block) -> str:
    match block:
        case pd.DataFrame():
            return markdown_table(block)
        case Heading(text):
            return f"## {escaped(text)}"
        case Bullets(items):
            return "\n".join(f"- {escaped(item)}" for item in items)
        case Picture(path=path, caption=caption, width=width):
            alt = html.escape(caption, quote=False).replace('"', "&quot;")
            return f'<img src="{path.as_posix()}" width="{width}" alt="{alt}">'
        case Written(text):
            return text
        case Note(text) | str(text):
            return escaped(text)


def _html(block: Block) -> str:
    match block:
        case pd.DataFrame():
            return block.map(inline).rename(columns=inline).to_html(index=False, border=0, escape=False)
        case Heading(text):
            return f"<h2>{html.escape(text, quote=False)}</h2>"
        case Bullets(items, signs):
            shown = [f'<span class="sign {style}" aria-hidden=true>{sign}</span>' for sign, style in signs]
            before = shown or [""] * len(items)
            return "<ul>" + "".join(f"<li>{a}{inline(b)}</li>" for a, b in zip(before, items, strict=True)) + "</ul>"
        case Picture(caption=caption, content=content):
            # In lines, as the text of a report may not have long ones; browsers ignore the breaks.
            data, text = base64.encodebytes(content).decode(), html.escape(caption)
            image = f'<img alt="{text}" src="data:image/png;base64,{data}">'
            return f"<figure>{image}\n<figcaption>{text}</figcaption></figure>\n"
        case Written(text):
            return f"<pre>{html.escape(text)}</pre>"
        case Note(text):
            return f"<p class=note>{inline(text)}</p>"
        case str():
            return f"<p>{inline(block)}</p>"


def _text(block: Block) -> str:
    match block:
        case pd.DataFrame():
            return block.to_string(index=False)
        case Bullets(items):
            return "\n".join(f"- {item}" for item in items)
        case Heading(text):
            return f"{text}:"
        case Picture(path=path, caption=caption):
            return f"{caption}: {path}"
        case Note(text) | Written(text) | str(text):
            return text


def markdown_table(table: pd.DataFrame) -> str:
    """Return a table of text as Markdown; a ``|`` in a cell or in a column's name ends no cell."""

    def cell(text: str) -> str:
        return _escaped(text).replace("|", r"\|")

    return table.map(cell).rename(columns=cell).to_markdown(index=False, disable_numparse=True)


def escaped(text: str) -> str:
    """Return Markdown that shows ``text`` in a line of its own; `code` and **strong** alone are markup."""
    return BLOCK_MARKUP.sub(r"\1\\\2", _escaped(text))


def _escaped(text: str) -> str:
    parts = OWN_MARKUP.split(" ".join(text.split()))
    return "".join(part if number % 2 else MARKUP.sub(r"\\\g<0>", part) for number, part in enumerate(parts))


def inline(text: str) -> str:
    """Return escaped HTML with Markdown's `code` and **strong** turned into tags."""
    coded = re.sub("`([^`]*)`", r"<code>\1</code>", html.escape(text))
    return re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", coded)
