"""The page of features in a real browser, without a network."""

import re
import shutil
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, sync_playwright

from explorer_cases import MEASURES, MODELS, made_up, measures
from extremal_cases import EPSILONS
from feature_sensitivity.reporting.explorer.data import KINDS
from feature_sensitivity.reporting.explorer.page import explorer_page

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
BROWSER = next((path for name in NAMES if (path := shutil.which(name))), None)

pytestmark = pytest.mark.skipif(
    BROWSER is None, reason=f"there is no browser: none of {', '.join(NAMES)} is on the PATH"
)

DATA = made_up()


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Page, list[str]]]:
    """The page, and what it complained of or asked for."""
    path = tmp_path_factory.mktemp("page") / "explorer.html"
    path.write_text(explorer_page(DATA, note="SETTINGS <&>"), encoding="utf-8")
    complaints: list[str] = []
    with sync_playwright() as playwright:
        # Chromium's own sandbox does not start for root, as whom containers run.
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        page = browser.new_context(offline=True).new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "request",
            lambda request: complaints.append(request.url) if re.match("https?:|wss?:", request.url) else None,
        )
        page.set_viewport_size({"width": 1400, "height": 1700})
        page.goto(path.as_uri())
        for chart in ("map", "pictures", "weights", "curve", "numbers"):
            page.wait_for_selector(f"#{chart} svg")
        yield page, complaints
        browser.close()


@pytest.fixture
def page(opened: tuple[Page, list[str]]) -> Iterator[Page]:
    """The page as it is at first; whatever a test does, nothing may be complained of."""
    page, complaints = opened
    show(page, name="normal 04", step=len(EPSILONS) - 1)
    yield page
    assert complaints == []


def show(page: Page, *, name: str, step: int) -> None:
    page.fill("#search", name)
    page.fill("#step", str(step))
    settle(page)


def settle(page: Page) -> None:
    """Wait until the charts have drawn what they were told."""
    page.wait_for_timeout(400)


def numbers(page: Page) -> dict[str, str]:
    """The texts of the list of measures: words to number."""
    texts = page.locator("#numbers svg .mark-text.role-mark text").all_text_contents()
    words, values = texts[: len(texts) // 2], texts[len(texts) // 2 :]
    return dict(zip(words, values, strict=True))


def pictures(page: Page) -> list[str]:
    return [image.get_attribute("href") or "" for image in page.locator("#pictures svg image").all()]


def expected_pictures(name: str, step: int) -> list[str]:
    sources = {row["picture"]: row["source"] for row in DATA.tables["sources"]}
    rows = [row for row in DATA.tables["pictures"] if (row["name"], row["step"]) == (name, step)]
    return [sources[row["picture"]] for row in rows]


def points(page: Page, *, faded: bool) -> int:
    shown = page.locator("#map svg path[aria-label*='name: ']").all()
    return sum((float(point.get_attribute("opacity") or 1) < 0.5) == faded for point in shown)


@pytest.mark.parametrize(("model", "feature"), [("normal", 4), ("normal_seed1", 0), ("wide", 11), ("wide", 7)])
@pytest.mark.parametrize("step", [0, 1])
def test_the_numbers_are_those_of_the_table(page: Page, model: str, feature: int, step: int):
    show(page, name=f"{model} {feature:02d}", step=step)
    rows = measures().query("model == @model and feature == @feature").loc[lambda t: t.epsilon == f"{EPSILONS[step]}"]
    shown = numbers(page)
    assert list(shown) == [measure.replace("_", " ") for measure in MEASURES]
    for row in rows[rows.measure.isin(MEASURES)].itertuples():
        text = shown[row.measure.replace("_", " ")].replace("\N{MINUS SIGN}", "-")
        assert text == "undefined" if row.value != row.value else float(text) == pytest.approx(row.value, rel=1e-3)


@pytest.mark.parametrize("name", ["normal_seed1 03", "wide 01"])
def test_a_click_shows_the_pictures_of_that_feature(page: Page, name: str):
    assert pictures(page) == expected_pictures("normal 04", 1)
    page.locator(f"#map svg path[aria-label*='name: {name}']").first.dispatch_event("pointermove")
    page.locator(f"#map svg path[aria-label*='name: {name}']").first.click(force=True)
    settle(page)
    assert page.input_value("#search") == name
    assert pictures(page) == expected_pictures(name, 1)
    assert len(pictures(page)) == 2 * len(KINDS)
    labels = " ".join(page.locator("#weights svg path[aria-label*='weight']").first.get_attribute("aria-label").split())
    assert re.search("class: [0-2]", labels)


def test_a_feature_without_pictures_says_so(page: Page):
    show(page, name="wide 00", step=1)
    assert pictures(page) == []
    assert "No pictures are kept" in page.locator("#pictures").inner_text()


def test_the_keyboard_is_enough(page: Page):
    page.focus("#search")
    page.keyboard.press("Control+a")
    page.keyboard.type("wide 03")
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowLeft")
    settle(page)
    assert page.evaluate("document.activeElement.id") == "step"
    assert page.locator("output").inner_text() == "0.04 (2.0/255)"
    assert page.get_attribute("#step", "aria-valuetext") == "0.04 (2.0/255)"
    assert pictures(page) == expected_pictures("wide 03", 0)
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    settle(page)
    assert page.input_value("#x") == "usefulness"
    assert "usefulness against epsilon" in page.locator("#curve").inner_text()
    page.keyboard.press("ArrowUp")


def test_part_of_a_name_marks_all_that_have_it(page: Page):
    assert points(page, faded=True) == 0
    show(page, name="seed1", step=1)
    assert points(page, faded=False) == MODELS["normal_seed1"]
    assert points(page, faded=True) == MODELS["normal"] + MODELS["wide"]


def test_a_box_in_the_scatter_plot_is_counted_in_the_histograms(page: Page):
    bars = page.locator("#map svg path[aria-label*='model: wide'][aria-label*='features']")
    before = bars.count()
    box = page.locator("#map svg path[aria-label*='name: wide 05']").first.bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x - 12, y - 12)
    page.mouse.down()
    page.mouse.move(x, y)
    page.mouse.move(x + 12, y + 12)
    page.mouse.up()
    settle(page)
    assert page.input_value("#search") == "normal 04", "a box chooses no feature"
    assert bars.count() < before
    page.mouse.dblclick(x - 40, y)
    settle(page)
    assert bars.count() == before


def test_a_bar_marks_its_features(page: Page):
    page.locator("#map svg path[aria-label*='features']").first.click(force=True)
    settle(page)
    assert 0 < points(page, faded=False) < sum(MODELS.values())
    page.focus("#x")
    page.evaluate("document.getElementById('x').dispatchEvent(new Event('change', {bubbles: true}))")
    settle(page)
    assert points(page, faded=True) == 0, "another axis ends it"


def test_the_curve_shows_the_same_number_in_networks_of_other_seeds(page: Page):
    lines = page.locator("#curve svg .mark-line path")
    show(page, name="normal 02", step=1)
    assert lines.count() == 2
    show(page, name="wide 02", step=1)
    assert lines.count() == 1


def test_what_it_rests_on_is_stated(page: Page):
    assert page.locator("p.note").inner_text() == "SETTINGS <&>"
