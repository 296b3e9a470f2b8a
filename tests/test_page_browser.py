"""The page in a real browser: it opens, is searched, filtered, shared and read by keys, and nothing in it runs."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

import stages.page.__main__ as stage
from benchmarks import parts
from stages.validate.curation import Decision, read_decisions
from tests.conftest import BROWSER, ROOT, prose
from tests.page_project import BOOKS, HOSTILE, digest, write_metrics, write_project

MANY = {
    f"own-{number:04d}": (f"Book {number}", "An Author", "en", "fractal", "law", prose(number, 3, 1))
    for number in range(300)
}


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield opened
        opened.close()


def write_page(folder: Path, books: dict[str, Any]) -> str:
    """The address of the page of a small study."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(write_project(folder, books))
        patch.setattr("sys.argv", ["page"])
        stage.main()
    return f"file://{folder / stage.OUT}"


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_page(tmp_path_factory.mktemp("study"), BOOKS)


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """The page, ready; at the end the console is empty, nothing failed and nothing was asked of a network."""
    context = browser.new_context(permissions=["clipboard-read", "clipboard-write"])
    told: list[str] = []
    opened = context.new_page()
    opened.on("console", lambda message: told.append(message.text))
    opened.on("pageerror", lambda error: told.append(str(error)))
    opened.on("dialog", lambda dialog: (told.append(dialog.message), dialog.dismiss()))
    opened.on("request", lambda request: told.append(request.url) if request.url.startswith("http") else None)
    go(opened, address)
    yield opened
    context.close()
    assert not told


def go(page: Page, address: str) -> None:
    """Open an address anew and wait until lists, texts and charts are there."""
    page.goto("about:blank")
    page.goto(address)
    page.wait_for_selector("html[data-page=ready]", state="attached")


def titles(page: Page) -> list[str]:
    return page.locator("#scene-list .title").all_inner_texts()


def test_the_page_opens_with_every_chart_drawn(page: Page) -> None:
    charts = page.locator("[data-chart]")
    assert page.locator("[data-chart] svg").count() == charts.count() > 3
    assert page.locator("#trouble").is_hidden()
    expect(page.locator("#verdict-head")).to_contain_text("not decided")


def test_a_chart_tells_its_values_under_the_pointer(page: Page) -> None:
    page.locator("[data-chart='0'] svg").hover(position={"x": 90, "y": 90})
    expect(page.locator("#tip")).to_contain_text("0.0200 [0.0100, 0.0300]")


@pytest.mark.parametrize(
    ("query", "found"),
    [("FENETRE aube", ["own-002"]), ("قال الريح", ["own-003"]), ("名字", ["own-004"]), ('"own shadow"', ["own-001"]),
     ("book:own-001", ["own-001", "own-001"]), ("nowhere", [])],
)  # fmt: skip
def test_search_finds_words_of_any_script_without_their_accents(page: Page, query: str, found: list[str]) -> None:
    page.fill("#query", query)
    expect(page.locator("#count")).to_have_text(f"{len(found)} of 6 scenes")
    assert titles(page) == [BOOKS[name][0] for name in found]


def test_what_was_searched_is_lit_in_the_text(page: Page, address: str) -> None:
    go(page, f"{address}#q=OUVERTE+fenetre&scene=own-002-p0")
    expect(page.locator("#scene blockquote")).to_have_text(BOOKS["own-002"][5][0])
    lit = "() => [...CSS.highlights.get('found')].map(range => range.toString())"
    assert page.locator("body").evaluate(lit)[:2] == ["fenêtre", "ouverte"]


def test_filters_filter_and_stand_in_the_address(page: Page) -> None:
    page.select_option("#tier", "fractal")
    expect(page.locator("#count")).to_have_text("2 of 6 scenes")
    page.select_option("#language", "zh")
    expect(page.locator("#count")).to_have_text("1 of 6 scenes")
    assert page.url.endswith("#tier=fractal&language=zh")


def test_a_shared_link_opens_its_scene_and_filter(page: Page, address: str) -> None:
    go(page, f"{address}#kind=paradox&scene=own-001-p1")
    expect(page.locator("#count")).to_have_text("1 of 6 scenes")
    expect(page.locator("#scene blockquote")).to_have_text("It turns.")
    expect(page.locator("#scene")).to_contain_text("questions above 92%")
    go(page, f"{address}#scene=own-002-p0")
    expect(page.locator("#scene .facts")).to_contain_text("held out for the probe")


def test_hostile_text_is_shown_and_is_nothing_else(page: Page, address: str) -> None:
    go(page, f"{address}#scene=own-005-p0")
    expect(page.locator("#scene h3")).to_have_text(HOSTILE)
    assert page.locator("#scene blockquote").inner_text() == BOOKS["own-005"][5][0]
    page.fill("#book-query", "own-005")
    expect(page.locator("#book-list .title")).to_have_text(HOSTILE)
    assert page.locator("img, iframe, [onerror]").count() == 0


def test_text_stands_in_its_own_direction_and_language(page: Page, address: str) -> None:
    for name, direction, language in (("own-003", "rtl", "ar"), ("own-004", "ltr", "zh")):
        go(page, f"{address}#scene={name}-p0")
        passage = page.locator("#scene blockquote")
        expect(passage).to_have_css("direction", direction)
        expect(passage).to_have_attribute("lang", language)


def test_everything_is_reached_by_keys(page: Page) -> None:
    page.keyboard.press("/")
    page.keyboard.type("own-001")
    expect(page.locator("#count")).to_have_text("2 of 6 scenes")
    for key in ("ArrowDown", "ArrowDown", "ArrowDown", "Enter"):
        page.keyboard.press(key)
    expect(page.locator("#scene blockquote")).to_have_text("It turns.")
    expect(page.locator("#scene")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#scene-list")).to_be_focused()


def copied(page: Page, do: str, why: str) -> str:
    """The entry of data/curation.yaml that the button copies, as text of the file."""
    page.select_option("#scene select", do)
    page.fill("#scene input", why)
    page.click("#scene .copy")
    expect(page.locator("#scene [role=status]")).to_have_text("copied")
    return str(page.locator("body").evaluate("() => navigator.clipboard.readText()"))


@pytest.mark.parametrize(
    ("name", "do"), [("own-001", "pin"), ("own-004", "replace"), ("own-005", "drop"), ("own-005", "replace")]
)
def test_the_copied_entry_is_a_decision_about_this_scene(
    page: Page, address: str, tmp_path: Path, name: str, do: str
) -> None:
    go(page, f"{address}#scene={name}-p0")
    why, text = f"line: 'one' # \"two\" {HOSTILE}", BOOKS[name][5][0]
    (tmp_path / "curation.yaml").write_text(f"schema: 1\nscenes:\n{copied(page, do, why)}", encoding="utf-8")
    found = read_decisions(tmp_path / "curation.yaml")
    decision = Decision(scene=f"{name}-p0", sha256=digest(text), do=do, why=why, text=text if do == "replace" else None)
    assert [(one.text or "").rstrip("\n") for one in found] == [decision.text or ""]
    assert [one.model_copy(update={"text": decision.text}) for one in found] == [decision]


def test_the_page_is_dark_where_the_reader_is_and_fits_a_phone(page: Page) -> None:
    page.emulate_media(color_scheme="dark")
    expect(page.locator("body")).to_have_css("background-color", "rgb(22, 24, 26)")
    page.set_viewport_size({"width": 380, "height": 800})
    assert page.locator("html").evaluate("page => page.scrollWidth") == 380


def test_a_long_list_keeps_only_what_is_in_sight(browser: Browser, tmp_path: Path) -> None:
    page = browser.new_page()
    go(page, write_page(tmp_path, MANY))
    expect(page.locator("#count")).to_have_text("900 of 900 scenes")
    page.focus("#scene-list")
    page.keyboard.press("End")
    expect(page.locator("#scene h3")).to_have_text("Book 299")
    assert page.locator("#scene-list .row").count() < 40
    page.close()


def test_the_benchmark_writes_opens_and_searches_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    write_metrics(tmp_path)
    written = parts.run("benchmarks.page", "write", folder=str(tmp_path), scenes=9)
    opened = parts.run("benchmarks.page", "browse", folder=str(tmp_path), words=written["words"])
    assert 0 < opened["listed"] <= opened["ready"]
