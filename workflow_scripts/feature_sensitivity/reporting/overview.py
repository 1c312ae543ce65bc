"""A run at a glance, as one page of HTML: the question, the paper's two figures, a verdict on each claim, links."""

import base64
import html
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from feature_sensitivity.analysis.verdicts import NOT_APPLICABLE, NOT_REPRODUCED, REPRODUCED, UNDECIDED
from feature_sensitivity.reporting.documents import inline, page
from feature_sensitivity.reporting.style import read_png

TITLE = "How robust are the features that deep networks learn?"

QUESTION = (
    "Hu, Tang, Wu, Xie (2022) say: a network withstands attacks if no small perturbation of an image moves its "
    "features far. This run measures how accurate networks are under attack, and how far an attack on each single "
    "feature moves it."
)

CAPTIONS = (
    "Figure 1: the stronger the attack, the fewer images are classified correctly.",
    "Figure 2: how far an attack moves each feature; further to the right is more sensitive.",
)

SIGNS: Mapping[str, tuple[str, str]] = {
    REPRODUCED: ("✓", "yes"),
    NOT_REPRODUCED: ("✗", "no"),
    UNDECIDED: ("?", "open"),
    NOT_APPLICABLE: ("-", "open"),
}
"""The sign of each verdict, and the class of its style."""

STYLE = """
.glance figure { display: inline-block; margin: 0 1em 1em 0; width: min(30em, 100%); vertical-align: top; }
.glance img { width: 100%; height: auto; margin: 0; }
.glance figcaption { color: #555; font-size: 13px; }
.glance ul { list-style: none; padding: 0; margin: 0.5em 0; }
.glance li { padding: 0 0 0 1.8em; margin: 0.25em 0; text-indent: -1.8em; }
.glance .sign { display: inline-block; width: 1.4em; height: 1.4em; line-height: 1.4em; margin-right: 0.4em; }
.glance .sign { text-indent: 0; text-align: center; border-radius: 0.7em; color: #fff; font-weight: bold; }
.glance .yes { background: #0072B2; } .glance .no { background: #B34A00; } .glance .open { background: #666; }
.glance .verdict { color: #555; }
"""
"""Also within the report of a run, whose own style would otherwise hold."""


def overview_page(claims: pd.DataFrame, *, figures: Sequence[Path], measured: str, links: Mapping[str, str]) -> str:
    """Return the page; what stands in its ``main`` element needs nothing from outside and opens the report, too.

    Args:
        claims: ``claim``, ``sentence``, ``verdict``; a row for each.
        figures: PNG files of Figures 1 and 2.
        measured: says which models were measured on which images.
        links: the text of each link to its target, relative to the page.
    """
    shown = "".join(_figure(path, caption) for path, caption in zip(figures, CAPTIONS, strict=True))
    verdicts = "\n".join(_verdict(row) for row in claims.to_dict("records"))
    counts = Counter(claims.verdict)
    tally = ", ".join(f"{counts[verdict]} {verdict}" for verdict in SIGNS if counts[verdict])
    more = "".join(f'<li><a href="{html.escape(target)}">{inline(text)}</a></li>' for text, target in links.items())
    return page(
        html.escape(TITLE),
        f"<main><style>{STYLE}</style>\n<div class=glance>\n<h1>{html.escape(TITLE)}</h1>\n"
        f"<p>{inline(QUESTION)} {inline(measured)}</p>\n{shown}\n"
        f"<h2>The paper's claims: {tally}</h2>\n<ul>\n{verdicts}\n</ul>\n</div></main>\n"
        f"<h2>More</h2><ul>{more}</ul>",
    )


def _figure(path: Path, caption: str) -> str:
    # In lines, as the text of a report may not have long ones; browsers ignore the breaks.
    data = base64.encodebytes(read_png(path)).decode()
    alt = html.escape(caption)
    return f'<figure><img alt="{alt}" src="data:image/png;base64,{data}">\n<figcaption>{alt}</figcaption></figure>\n'


def _verdict(row: Mapping[Any, Any]) -> str:
    sign, style = SIGNS[row["verdict"]]
    return (
        f'<li><span class="sign {style}" aria-hidden=true>{sign}</span><strong>{html.escape(row["claim"])}</strong> '
        f"{inline(row['sentence'])} <span class=verdict>{row['verdict']}</span></li>"
    )
