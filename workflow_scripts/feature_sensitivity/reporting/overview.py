"""A run at a glance, as one page of HTML: the question, the paper's two figures, a verdict on each claim, links."""

import html
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from feature_sensitivity.analysis.verdicts import NOT_APPLICABLE, NOT_REPRODUCED, REPRODUCED, UNDECIDED
from feature_sensitivity.reporting.documents import Bullets, Document, Heading, Picture, body, inline, page
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
"""
"""Also within the report of a run, whose own style would otherwise hold."""


def overview_page(claims: pd.DataFrame, *, figures: Sequence[Path], measured: str, links: Mapping[str, str]) -> str:
    """Return the page; what stands in its ``main`` element needs nothing from outside and opens the report, too.

    ``claims``: ``claim``, ``sentence``, ``verdict``; a row for each. ``figures``: PNG files of Figures 1 and 2.
    ``measured`` says which models were measured on which images. ``links``: the text of each link to its target,
    relative to the page.
    """
    counts = Counter(claims.verdict)
    tally = ", ".join(f"{counts[verdict]} {verdict}" for verdict in SIGNS if counts[verdict])
    verdicts = [f"**{row.claim}** {row.sentence} ({row.verdict})" for row in claims.itertuples()]
    document = Document(
        TITLE,
        [
            f"{QUESTION} {measured}",
            *(Picture(path, text, content=read_png(path)) for path, text in zip(figures, CAPTIONS, strict=True)),
            Heading(f"The paper's claims: {tally}"),
            Bullets(verdicts, signs=[SIGNS[verdict] for verdict in claims.verdict]),
        ],
    )
    more = "".join(f'<li><a href="{html.escape(target)}">{inline(text)}</a></li>' for text, target in links.items())
    return page(
        html.escape(TITLE),
        f"<main><style>{STYLE}</style>\n<div class=glance>\n{body(document)}\n</div></main>\n"
        f"<h2>More</h2><ul>{more}</ul>",
    )
