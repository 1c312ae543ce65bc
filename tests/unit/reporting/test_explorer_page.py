"""The page of features in a real browser, without a network."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from browser import HOSTILE, needs_a_browser, opened, started
from explorer_cases import MEASURES, MODELS, made_up, measures
from extremal_cases import EPSILONS
from feature_sensitivity.reporting.explorer.data import ExplorerData
from feature_sensitivity.reporting.explorer.page import explorer_page

pytestmark = needs_a_browser

DATA = made_up()
NAMES_OF_MODELS = list(MODELS)

POINTS, BARS, MARKED_BARS = (
    "concat_0_layer_0_marks",
    "concat_1_concat_0_layer_0_marks",
    "concat_1_concat_0_layer_1_marks",
)
"""What Vega calls the points, and the bars of the first histogram: of all features, and of the marked ones."""

DRAWN = """
wanted => {
  const map = document.getElementById("map"), found = [];
  const walk = (node, x, y) => {
    if (node.name === wanted)
      for (const {datum, opacity, bounds} of node.items)
        found.push({...datum, opacity, at: [x + (bounds.x1 + bounds.x2) / 2, y + (bounds.y1 + bounds.y2) / 2]});
    else for (const item of node.items ?? []) if (item.items) walk(item, x + (item.x || 0), y + (item.y || 0));
  };
  const box = map.querySelector("canvas").getBoundingClientRect(), [x, y] = map.view.origin();
  walk(map.view.scenegraph().root, box.x + x + map.view.padding().left, box.y + y + map.view.padding().top);
  return found;
}
"""
"""The marks of a name: their data, their opacity, and their place on the screen."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with started() as browser:
        yield browser


def explorer(browser: Browser, data: ExplorerData, path: Path, *, note: str = "") -> tuple[Page, list[str]]:
    page, complaints = opened(browser, explorer_page(data, note=note), path)
    page.wait_for_selector("#numbers td")
    settle(page)
    return page, complaints


@pytest.fixture(scope="module")
def shown(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> tuple[Page, list[str]]:
    return explorer(browser, DATA, tmp_path_factory.mktemp("page") / "explorer.html", note="SETTINGS <&>")


@pytest.fixture
def page(shown: tuple[Page, list[str]]) -> Iterator[Page]:
    """The page as it is at first; whatever a test does, nothing may be complained of."""
    page, complaints = shown
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


def pictures(page: Page) -> list[str]:
    return [image.get_attribute("src") or "" for image in page.locator("#pictures img").all()]


def expected_pictures(name: str, step: int) -> list[str]:
    kept = DATA.pictures[NAMES_OF_MODELS.index(name.split()[0])]
    return [kept["sources"][source] for row in kept["features"][name][step] for source, _ in row]


def points(page: Page, *, faded: bool) -> int:
    return sum((point["opacity"] < 0.5) == faded for point in page.evaluate(DRAWN, POINTS))


def place(page: Page, name: str) -> list[float]:
    (point,) = (point for point in page.evaluate(DRAWN, POINTS) if point["name"] == name)
    return point["at"]


def counted(page: Page, bars: str) -> int:
    return sum(bar["sum_features"] for bar in page.evaluate(DRAWN, bars))


@pytest.mark.parametrize(("model", "feature"), [("normal", 4), ("normal_seed1", 0), ("wide", 11), ("wide", 7)])
@pytest.mark.parametrize("step", [0, 1])
def test_the_numbers_are_a_table_of_text(page: Page, model: str, feature: int, step: int):
    name = f"{model} {feature:02d}"
    show(page, name=name, step=step)
    assert page.locator("#numbers caption").inner_text() == f"Measures of {name}"
    assert page.locator("#numbers th[scope=col]").all_inner_texts()[1:] == DATA.shown["epsilons"]
    assert page.locator("#numbers th.chosen").inner_text() == DATA.shown["epsilons"][step]
    values = measures().set_index(["model", "feature", "measure", "epsilon"]).value
    rows = page.locator("#numbers tbody tr").all()
    assert [row.locator("th").inner_text() for row in rows] == [measure.replace("_", " ") for measure in MEASURES]
    for row, measure in zip(rows, MEASURES, strict=True):
        for text, epsilon in zip(row.locator("td").all_inner_texts(), EPSILONS, strict=True):
            value = values[model, feature, measure, f"{epsilon}"]
            assert text == "undefined" if value != value else float(text) == pytest.approx(value, rel=1e-3)


@pytest.mark.parametrize("name", ["normal_seed1 03", "wide 01"])
def test_a_click_shows_the_pictures_of_that_feature(page: Page, name: str):
    assert pictures(page) == expected_pictures("normal 04", 1)
    page.mouse.click(*place(page, name))
    settle(page)
    assert page.input_value("#search") == name
    assert page.locator("#chosen").inner_text() == f"{name} at epsilon 0.2 (10.0/255)"
    assert pictures(page) == expected_pictures(name, 1)
    assert page.locator("#pictures img").first.get_attribute("alt").startswith(f"clean of {name} at image ")
    assert page.locator("#pictures img").first.evaluate("image => image.naturalWidth") == 4
    labels = " ".join(page.locator("#weights svg path[aria-label*='weight']").first.get_attribute("aria-label").split())
    assert re.search("class: [0-2]", labels)


def test_pictures_are_unpacked_when_they_are_asked_for(browser: Browser, tmp_path: Path):
    page, complaints = explorer(browser, DATA, tmp_path / "page.html")
    page.evaluate("document.getElementById('pictures-2').textContent = '!'")
    assert pictures(page) == expected_pictures("normal 04", 1)
    assert complaints == []
    show(page, name="wide 01", step=1)
    assert complaints, "only now they are read"


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
    everything = sum(MODELS.values())
    assert counted(page, BARS) == counted(page, MARKED_BARS) == everything
    x, y = place(page, "wide 05")
    page.mouse.move(x - 12, y - 12)
    page.mouse.down()
    page.mouse.move(x, y)
    page.mouse.move(x + 12, y + 12)
    page.mouse.up()
    settle(page)
    assert page.input_value("#search") == "normal 04", "a box chooses no feature"
    assert 0 < counted(page, MARKED_BARS) < counted(page, BARS) == everything
    page.mouse.dblclick(x - 40, y)
    settle(page)
    assert counted(page, MARKED_BARS) == everything


def test_a_bar_marks_its_features(page: Page):
    page.mouse.click(*page.evaluate(DRAWN, BARS)[0]["at"])
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


def test_names_are_text_wherever_they_stand(browser: Browser, tmp_path: Path):
    """Names of models and measures, epsilons, labels of images and the note would each run a script as markup."""
    shown = json.loads(json.dumps(DATA.shown))
    for model in shown["models"]:
        for key in ("name", "base"):
            model[key] = f"{HOSTILE}{model[key]}"
        model["names"] = [f"{HOSTILE}{name}" for name in model["names"]]
    shown["measures"] = [f"{HOSTILE}{measure}" for measure in shown["measures"]]
    shown["epsilons"] = [f"{HOSTILE} {epsilon}" for epsilon in shown["epsilons"]]
    shown["first"] = {key: f"{HOSTILE}{value}" for key, value in shown["first"].items()}
    pictures_of = {
        number: {
            **kept,
            "images": [HOSTILE for _ in kept["images"]],
            "features": {
                f"{HOSTILE}{name}": [[[(source, HOSTILE) for source, _ in row] for row in rows] for rows in steps]
                for name, steps in kept["features"].items()
            },
        }
        for number, kept in DATA.pictures.items()
    }
    for data in (
        ExplorerData(shown, pictures_of),
        ExplorerData({**shown, "models": [{**shown["models"][0], "pictured": []}]}, {}),
    ):
        page, complaints = explorer(browser, data, tmp_path / "page.html", note=HOSTILE)
        page.mouse.move(*place(page, shown["models"][0]["names"][2]))
        settle(page)
        assert HOSTILE in page.locator("#chosen").inner_text()
        assert HOSTILE in page.locator("#numbers thead").inner_text()
        assert HOSTILE.replace("_", " ") in page.locator("#numbers tbody").inner_text()
        assert HOSTILE in page.locator("p.note").inner_text()
        assert HOSTILE in page.locator("#vg-tooltip-element").inner_text()
        page.fill("#search", HOSTILE)
        settle(page)
        assert page.locator("img[src=x]").count() == 0
        assert complaints == []


def test_what_it_rests_on_is_stated(page: Page):
    assert page.locator("p.note").inner_text() == "SETTINGS <&>"
