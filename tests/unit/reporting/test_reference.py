from pathlib import Path

import pandas as pd
import pytest

from feature_sensitivity.reporting.documents import Picture
from feature_sensitivity.reporting.interpretation import Interpretation, Published, read_interpretation
from feature_sensitivity.reporting.reference import Section, reference_page
from feature_sensitivity.runtime.errors import UserError

SUMMARY = pd.DataFrame(
    {
        "model": ["normal", "normal", "adversarial"],
        "epsilon": [0.0, 0.08, 0.08],
        "epsilon_255": [0.0, 4.1, 4.1],
        "accuracy": [0.9, 0.01, 0.5],
        "ci_low": [0.88, 0.0, 0.45],
        "ci_high": [0.92, 0.02, 0.55],
    }
)
CLAIMS = pd.DataFrame(
    {
        "claim": ["A1", "S1"],
        "sentence": ["High.", "Normal."],
        "verdict": ["reproduced", "undecided"],
        "rule": ["Above 50 %.", "Not skewed."],
    }
)
COSTS = pd.DataFrame(
    {
        "rule": ["train_model", "plot_accuracy"],
        "jobs": [2, 1],
        "minutes in all": [30.0, 0.5],
        "minutes of the longest": [20.0, 0.5],
        "CPU minutes in all": [55.0, 0.4],
        "peak memory MB": [900.0, None],
    }
)


def page(**changes) -> str:
    parts = {
        "title": "Reference run",
        "facts": {"commit": "abc"},
        "changed": "epochs: 5\n",
        "summary": SUMMARY,
        "opening": Section("# Accuracy\n\ntext", [Picture(Path("figures/a.png"), "Figure 1", 520)]),
        "claims": CLAIMS,
        "sections": [
            Section("# The norm\n\n## Part\n", [Picture(Path("figures/b.png"), "norms", 720)]),
            Section("# Other", []),
        ],
        "costs": COSTS,
        "interpretation": Interpretation(),
    }
    return reference_page(**{**parts, **changes})


def test_pages_become_sections_with_their_figures():
    text = page()
    first = '<img src="figures/a.png" width="520" alt="Figure 1">'
    second = '<img src="figures/b.png" width="720" alt="norms">'
    assert f"\n## Accuracy\n\ntext\n\n{first}\n\n## Verdicts\n" in text
    assert f"\n## The norm\n\n### Part\n\n{second}\n\n## Other\n" in text
    assert "epochs: 5" in text


def test_costs_are_added_up():
    last = page().rstrip().splitlines()[-1]
    assert [cell.strip() for cell in last.strip("|").split("|")] == ["all", "3", "30.5", "-", "55.4", "-"]


def test_a_page_without_costs_has_no_section_for_them():
    assert "What each rule took" in page()
    assert "What each rule took" not in page(costs=None)


def test_what_a_person_wrote_stands_beside_the_numbers():
    published = [Published(model="normal", epsilon="0.08", accuracy="19.5", source="somewhere", remark="Weaker.")]
    interpretation = Interpretation(introduction=["Small."], claims={"S1": "Skewed."}, published=published)
    text = page(interpretation=interpretation)
    assert "\n\nSmall.\n\n" in text
    assert "\n- **A1, reproduced.** *Rule:* Above 50 %.\n" in text
    assert "\n- **S1, undecided.** *Rule:* Not skewed. *Interpretation:* Skewed.\n" in text
    (row,) = [line for line in text.splitlines() if "somewhere" in line]
    assert "1.0 (0.0-2.0)" in row
    assert "0.08 (4.1/255)" in row


def test_an_interpretation_is_read(tmp_path: Path):
    path = tmp_path / "mine.toml"
    path.write_text(
        'introduction = ["Small."]\n[claims]\nA1 = "Yes."\n'
        '[[published]]\nmodel = "normal"\nepsilon = "0.08"\naccuracy = "19.5"\nsource = "somewhere"\n'
    )
    found = read_interpretation(path, claims=["A1"])
    assert found.claims == {"A1": "Yes."}
    assert found.published == [Published(model="normal", epsilon="0.08", accuracy="19.5", source="somewhere")]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("claims = ", "is no interpretation"),
        ("claim = {}", "is no interpretation"),
        ('[[published]]\nmodel = "normal"', "is no interpretation"),
        ('claims = "A1"', "is no interpretation"),
        ('introduction = "Hello"', "introduction is a list of texts"),
        ("claims = {A1 = 3}", "each claim has a text"),
        (
            '[[published]]\nmodel = "normal"\nepsilon = "0,04"\naccuracy = "1"\nsource = "x"',
            "epsilon '0,04' is no number",
        ),
        ('[claims]\nA9 = "Yes."', "interprets A9; the claims are A1"),
    ],
)
def test_another_form_is_refused(tmp_path: Path, text: str, message: str):
    (tmp_path / "mine.toml").write_text(text)
    with pytest.raises(UserError, match=message):
        read_interpretation(tmp_path / "mine.toml", claims=["A1"])
