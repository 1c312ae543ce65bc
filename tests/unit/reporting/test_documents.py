"""The same text and tables as Markdown, as HTML and for a terminal."""

from pathlib import Path

import pandas as pd

from feature_sensitivity.reporting.documents import (
    Bullets,
    Document,
    Heading,
    Note,
    as_html,
    as_markdown,
    as_text,
    write_text,
)

DOCUMENT = Document(
    "A & B",
    [
        "**Yes**, says `x < 1`.",
        pd.DataFrame({"p": ["0.0310"], "sign": ["±"]}),
        Note("settings"),
        Heading("Warnings"),
        Bullets(["one", "two"]),
    ],
)


def test_markdown_keeps_numbers_as_they_are_written():
    assert as_markdown(DOCUMENT) == (
        "# A & B\n\n**Yes**, says `x < 1`.\n\n| p      | sign   |\n|:-------|:-------|\n| 0.0310 | ±      |\n\n"
        "settings\n\n## Warnings\n\n- one\n- two\n"
    )


def test_html_is_escaped_and_knows_code_and_strong():
    page = as_html(DOCUMENT)
    assert "<h1>A &amp; B</h1><p><strong>Yes</strong>, says <code>x &lt; 1</code>.</p>" in page
    assert "<p class=note>settings</p><h2>Warnings</h2><ul><li>one</li><li>two</li></ul>" in page
    assert "<td>0.0310</td>" in page


def test_a_terminal_gets_neither_title_nor_notes():
    assert as_text(DOCUMENT).endswith("\n\nWarnings:\n\n- one\n- two\n")
    assert "settings" not in as_text(DOCUMENT)
    assert "A & B" not in as_text(DOCUMENT)


def test_files_are_utf_8(tmp_path: Path):
    write_text(tmp_path / "a.md", "±")
    assert (tmp_path / "a.md").read_bytes() == b"\xc2\xb1"
