"""The pages of HTML in a real browser: what comes from files is text."""

from pathlib import Path

import pandas as pd
import pytest
from matplotlib.figure import Figure

from browser import HOSTILE, needs_a_browser, opened, started
from feature_sensitivity.analysis.verdicts import REPRODUCED
from feature_sensitivity.reporting.documents import Bullets, Document, Heading, Note, as_html
from feature_sensitivity.reporting.overview import overview_page
from feature_sensitivity.reporting.style import save_figure

pytestmark = needs_a_browser


def document(tmp_path: Path) -> str:
    table = pd.DataFrame({HOSTILE: [HOSTILE], "b": [f"`{HOSTILE}`"]})
    blocks = [HOSTILE, f"**{HOSTILE}**", Heading(HOSTILE), Note(HOSTILE), Bullets([HOSTILE]), table]
    return as_html(Document(HOSTILE, blocks))


def overview(tmp_path: Path) -> str:
    figures = [tmp_path / f"figure{number}.png" for number in (1, 2)]
    for path in figures:
        save_figure(Figure(figsize=(1, 1)), path.with_suffix(".svg"))
    claims = pd.DataFrame({"claim": [HOSTILE], "sentence": [HOSTILE], "verdict": [REPRODUCED]})
    links = {HOSTILE: "summary.html", "\"><script>alert('run')</script>": "\"><script>alert('run')</script>"}
    return overview_page(claims, figures=figures, measured=HOSTILE, links=links)


@pytest.mark.parametrize("page", [document, overview])
def test_text_of_files_runs_no_script(page, tmp_path: Path):
    with started() as browser:
        shown, complaints = opened(browser, page(tmp_path), tmp_path / "page.html")
        shown.wait_for_timeout(200)
        assert complaints == []
        assert shown.locator("script, img[src=x]").count() == 0
        assert shown.locator("body").inner_text().count("<img src=x") >= 4
