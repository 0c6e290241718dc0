"""The page in a real browser: it loads and says nothing, and draws everything, in every light and size."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import pytest

from atb_db.report import report_batch
from atb_db.report.page import render
from atb_db.report.view import Page, page
from atb_db.repository.metrics import PerformanceMetrics
from tests.report.conftest import Told

if TYPE_CHECKING:
    from playwright.sync_api import Browser
    from playwright.sync_api import Page as Tab

driving = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
Axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed").Axe

CHROMIUM: Final = shutil.which("chromium") or shutil.which("google-chrome") or shutil.which("chromium-browser")
SHOTS: Final = os.environ.get("ATB_DB_SHOTS")
"""A folder for the pictures that the tests take, to look at them."""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None, reason="no browser is installed: apt install chromium"),
]

SIZES: Final = {"wide": (1280, 900), "narrow": (390, 844)}


class Opened(NamedTuple):
    """A page in a browser, and what came of it."""

    tab: Tab
    view: Page
    said: list[str]
    asked: list[str]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with driving.sync_playwright() as driver:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        with driver.chromium.launch(executable_path=CHROMIUM, args=arguments) as running:
            yield running


@pytest.fixture(scope="module")
def views(told: Told) -> dict[str, Page]:
    now = datetime(2024, 7, 1, tzinfo=UTC)
    return {
        name: page(told.db.run_batch(report_batch(session_id=session_id)), written_at=now)
        for name, session_id in told._asdict().items()
        if isinstance(session_id, int)
    }


@pytest.fixture
def opened(
    request: pytest.FixtureRequest, browser: Browser, views: dict[str, Page], tmp_path: Path
) -> Iterator[Opened]:
    name, light, size = request.param
    width, height = SIZES[size]
    file = tmp_path / "report.html"
    file.write_text(render(views[name]))
    # Axe comes in by a script, which the page's own policy forbids.
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=light, bypass_csp=True)
    tab = context.new_page()
    found = Opened(tab, views[name], [], [])
    tab.on("console", lambda message: found.said.append(message.text))
    tab.on("pageerror", lambda error: found.said.append(str(error)))
    tab.on("request", lambda request: found.asked.append(request.url))
    tab.goto(file.as_uri())
    if SHOTS:
        tab.screenshot(path=Path(SHOTS) / f"{name}-{light}-{size}.png", full_page=True)
    yield found
    context.close()


def every(*names: str, lights: tuple[str, ...] = ("light", "dark")) -> pytest.MarkDecorator:
    cases = [(name, light, size) for name in names for light in lights for size in SIZES]
    return pytest.mark.parametrize("opened", cases, indirect=True, ids="-".join)


REPLAYED = pytest.mark.parametrize("opened", [("replayed", "light", "wide")], indirect=True, ids=["replayed"])


@every("replayed", "hostile", "empty", "largest")
def test_it_opens_without_a_word_and_asks_for_nothing(opened: Opened) -> None:
    assert opened.said == []
    assert len(opened.asked) == 1
    assert opened.tab.title().startswith(opened.view.title)
    # Nothing is wider than the window; what may be wide scrolls by itself.
    assert opened.tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@REPLAYED
def test_its_figures_are_those_of_the_statements(opened: Opened) -> None:
    found = opened.tab.evaluate(
        "Object.fromEntries([...document.querySelectorAll('data[id]')].map(e => [e.id, [e.value, e.innerText]]))"
    )
    assert set(found) == set(PerformanceMetrics._fields)
    for group in opened.view.groups:
        for figure in group.figures:
            assert found[figure.name] == [figure.exact, figure.text]


@every("replayed")
def test_every_chart_is_drawn(opened: Opened) -> None:
    """Its picture has other colours than the same field without what is drawn in it."""
    tab = opened.tab
    fields = tab.locator(".chart .field")
    assert fields.count() >= 10
    for number in range(fields.count()):
        field = fields.nth(number)
        drawn = field.screenshot(animations="disabled")
        field.evaluate("one => one.querySelector('svg').style.visibility = 'hidden'")
        assert field.screenshot(animations="disabled") != drawn, number
        box = field.bounding_box()
        assert box is not None
        assert min(box["width"], box["height"]) > 50


@every("replayed", "hostile", "empty")
def test_nothing_is_found_by_axe(opened: Opened) -> None:
    """Its rules are those of WCAG 2.2 AA and its own best practices: contrast, names, headings, landmarks, tables."""
    found = Axe().run(opened.tab)
    assert found.response["passes"]
    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found.response["violations"]] == []


@REPLAYED
def test_every_picture_has_its_words(opened: Opened) -> None:
    pictures = opened.tab.get_by_role("img")
    assert pictures.count() >= 10
    for number in range(pictures.count()):
        assert len(pictures.nth(number).get_attribute("aria-label") or "") > 40


@REPLAYED
def test_definitions_appear_when_pointed_at_and_by_the_keyboard(opened: Opened) -> None:
    tab = opened.tab
    tip = tab.locator("#means-sharpe_ratio")
    assert not tip.is_visible()
    tab.locator("#sharpe_ratio").hover()
    assert tip.is_visible()
    assert "standard deviation" in tip.inner_text()
    tab.mouse.move(0, 0)
    assert not tip.is_visible()
    reached = set()
    tab.keyboard.press("Tab")
    assert tab.evaluate("document.activeElement.className") == "skip"
    for _ in range(200):
        tab.keyboard.press("Tab")
        shown = tab.evaluate("[...document.querySelectorAll('.figure .tip')].filter(e => e.checkVisibility())[0]?.id")
        reached.add(shown)
    assert {f"means-{name}" for name in PerformanceMetrics._fields} <= reached


EXPLAINED = ".headline .card, .figure, .term"


@every("replayed", "hostile", "largest", lights=("light",))
def test_a_definition_is_seen_whole(opened: Opened) -> None:
    """Also at the edge of the window and in a table with one row; and nothing begins to scroll."""
    tab = opened.tab
    explained = tab.locator(EXPLAINED)
    assert explained.count() > 50
    for number in range(explained.count()):
        one = explained.nth(number)
        one.focus()
        tip = one.locator(".tip")
        assert tip.is_visible()
        wrong = tip.evaluate(HIDDEN)
        assert not wrong, (one.inner_text(), wrong)
    assert tab.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


HIDDEN = """
tip => {
  const box = tip.getBoundingClientRect(), wrong = []
  if (box.left < 0 || box.right > innerWidth) wrong.push(`from ${box.left} to ${box.right} of ${innerWidth}`)
  for (let one = tip.parentElement; one && getComputedStyle(tip).position !== 'fixed'; one = one.parentElement)
    if (one !== document.documentElement && one !== document.body && getComputedStyle(one).overflowX !== 'visible')
      wrong.push(`cut off by ${one.className}`)
  return wrong
}
"""


@pytest.mark.parametrize("opened", [("replayed", "dark", "wide")], indirect=True, ids=["replayed"])
def test_it_prints_on_white_paper(opened: Opened) -> None:
    pdf = opened.tab.pdf(format="A4", print_background=True)
    assert pdf.startswith(b"%PDF")
    assert 2 <= pdf.count(b"/Type /Page\n") <= 10
    opened.tab.emulate_media(media="print")
    assert opened.tab.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert opened.tab.evaluate("getComputedStyle(document.querySelector('h1')).color") == "rgb(22, 32, 43)"
    if SHOTS:
        (Path(SHOTS) / "report.pdf").write_bytes(pdf)


def test_a_page_that_is_written_again_loads_itself_again(browser: Browser, told: Told, tmp_path: Path) -> None:
    report = told.db.run_batch(report_batch(session_id=told.replayed))
    file = tmp_path / "report.html"

    def write(second: int) -> None:
        file.write_text(render(page(report, written_at=datetime(2024, 7, 1, 0, 0, second, tzinfo=UTC), refresh=1)))

    write(1)
    tab = browser.new_page()
    tab.goto(file.as_uri())
    write(2)
    tab.get_by_text("00:00:02 UTC").wait_for(timeout=20_000)
    tab.close()
