"""The same text and tables as Markdown, as HTML and for a terminal."""

import random
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest
from markdown_it import MarkdownIt

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


PARTS = [*"<>[]()!*_`|\\#-+=~&;:.1ab \n\t", "<b>", "](x)", "&lt;", "**", "```", "---", "\N{NO-BREAK SPACE}"]


def random_texts(n: int) -> list[str]:
    """Texts of characters that mean something in Markdown."""
    rng = random.Random(0)
    texts = ("".join(rng.choices(PARTS, k=rng.randint(1, 12))) for _ in range(n))
    return [text for text in dict.fromkeys(texts) if text.strip() and text != "b"]


HOSTILE = (
    "<img src=x onerror=\"alert('run')\">",
    "</td></table><script>alert('run')</script>",
    "a|b",
    "a\\|b",
    "[click](javascript:alert(1))",
    "![picture](http://127.0.0.1/x.png)",
    "[a]: http://127.0.0.1",
    "*a* _b_ ~~c~~ &lt;b&gt;",
    "# heading",
    "heading #",
    "- item",
    "1. item",
    "> quotation",
    "===",
    "one\n\n# two",
    "`",
    "\\`<b>\\`",
    "`<b>``` ``<b>`",
    "**``<b>**```",
    "---",
    "****",
    *random_texts(300),
)


def document(text: str) -> Document:
    table = pd.DataFrame({f"{text}": [text, "0.1"], "b": ["x", text]})
    return Document(text, [text, Heading(text), Note(text), Bullets([text, "last"]), table])


@pytest.mark.parametrize("text", HOSTILE)
def test_markdown_shows_text_as_it_is(text: str):
    shown = " ".join(text.split())
    tokens = MarkdownIt().enable(["table", "strikethrough"]).parse(as_markdown(document(text)))
    kinds = [token.type for token in tokens if token.type.endswith("_open") or token.type == "inline"]
    lines = ["heading", "paragraph", "heading", "paragraph"]
    of_table = ["table_open", "thead_open", "tr_open", *["th_open", "inline"] * 2, "tbody_open"]
    of_list = ["bullet_list_open", *["list_item_open", "paragraph_open", "inline"] * 2]
    of_table += [*["tr_open", *["td_open", "inline"] * 2]] * 2
    assert kinds == [*(kind for line in lines for kind in (f"{line}_open", "inline")), *of_list, *of_table]
    inline = [token.children or [] for token in tokens if token.type == "inline"]
    own = {"text", "text_special", "code_inline", "strong_open", "strong_close"}
    assert {child.type for children in inline for child in children} <= own
    texts = ["".join(child.content for child in children) for children in inline]
    if "`" not in text[:-1] and "**" not in text:
        assert texts == [*[shown] * 5, "last", shown, "b", shown, "x", "0.1", shown]


@pytest.mark.parametrize("text", HOSTILE)
def test_html_shows_text_as_it_is(text: str):
    tags: set[str] = set()

    class Tags(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            tags.add(tag)

    Tags().feed(as_html(document(text)))
    body = {"strong", "h1", "p", "h2", "ul", "li", "table", "thead", "tbody", "tr", "th", "td", "code"}
    assert tags <= body | {"html", "head", "meta", "title", "style", "body"}
