"""The page with 50,000 scenes of some 17,000 books, made for the purpose: how soon a browser shows and searches them.

Writes  benchmarks/results.json (rows "page: ...")
Run     python -m benchmarks.page [--short] [--scenes N]
"""

import argparse
import itertools
import random
import shutil
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from benchmarks import parts
from benchmarks.gate import PER_BOOK, WORDS, document, vocabulary
from benchmarks.parts import Answer, Part
from benchmarks.rows import Figure
from stages.page.build import Page, render
from stages.page.charts import draw
from stages.page.library import Entry
from stages.page.metrics import read_metrics
from stages.page.scenes import Shelf, pack, shelf_of
from stages.shared.errors import UserError, run
from stages.shared.records import TIERS
from stages.shared.scenefile import Document

ME = "benchmarks.page"
SHORT = 300  # scenes at least
ROWS = 10_000  # books of the map without a file
TYPE = """async (_, query) => {  // milliseconds from a keystroke to the list, without the pause for the next key
  const count = document.getElementById("count");
  const told = new Promise((done) => new MutationObserver(done).observe(count, { childList: true }));
  const field = document.getElementById("query");
  field.value = query;
  const began = performance.now();
  field.dispatchEvent(new Event("input"));
  await told;
  return performance.now() - began - 90;
}"""


def shelves(scenes: int) -> Iterator[Shelf]:
    """Books of three scenes each; no gate has seen them, which changes nothing here but their state."""
    chance = random.Random(7)
    words = vocabulary(chance)
    weights = list(itertools.accumulate(1 / (rank + 3) for rank in range(WORDS)))
    for number in range(-(-scenes // PER_BOOK)):
        made = document(number, chance, words, weights)
        yield shelf_of(Document.model_validate(made), {}, {})


def write(folder: str, scenes: int) -> Answer:
    """Write the page; only its own work is timed, not the making of the scenes."""
    books = list(shelves(scenes))
    rows = [
        Entry(f"b{n}", f"Book {n}", "Author", "en", TIERS[2], "law", "missing", "no file here", "") for n in range(ROWS)
    ]
    metrics = read_metrics(Path("metrics"))
    began = time.perf_counter()
    html = render(Page(metrics, draw(metrics), rows, *pack(books, {})))
    seconds = time.perf_counter() - began
    path = Path(folder, "index.html")
    path.write_text(html, encoding="utf-8")
    return {"seconds": seconds, "size": path.stat().st_size / 1e6, "words": vocabulary(random.Random(7))[:1000:97]}


def browse(folder: str, words: list[str]) -> Answer:
    """Open the page in headless Chromium and search it, for a frequent word, rare ones, and two at once."""
    from playwright.sync_api import sync_playwright

    browser = shutil.which("chromium")
    if not browser:
        raise UserError("there is no chromium to open the page with; install Debian's package chromium")
    with sync_playwright() as driver:
        page = driver.chromium.launch(executable_path=browser, args=["--no-sandbox"]).new_page()
        began = time.perf_counter()
        page.goto(f"file://{folder}/index.html", wait_until="commit")
        page.wait_for_selector("html[data-list=ready]", state="attached")
        listed = time.perf_counter() - began
        page.wait_for_selector("html[data-page=ready]", state="attached", timeout=120_000)
        whole = time.perf_counter() - began
        queries = [*words, " ".join(words[:2]), "nowhere"]
        slowest = max(page.locator("body").evaluate(TYPE, query) for query in queries)
    return {"listed": listed, "ready": whole, "search": slowest / 1000}


PARTS: dict[str, Part] = {"write": write, "browse": browse}


def measure(asked: argparse.Namespace) -> list[Figure]:
    """Measure the writing of the page, its opening and its search."""
    scenes = max(asked.scenes, SHORT)
    with tempfile.TemporaryDirectory() as folder:
        written = parts.run(ME, "write", folder=folder, scenes=scenes)
        side = partial(parts.run, ME, "browse", folder=folder, words=written["words"])
        opened = parts.rounds(asked.rounds, {"page": side})["page"]
    size = f"{scenes:,} scenes"
    return [
        Figure(f"page: {size}, written", written["seconds"], "s"),
        Figure(f"page: {size}, the file", written["size"], "MB"),
        Figure("page: peak memory", written["peak"], "MB"),
        Figure(f"page: {size}, from opening to the list", parts.median(opened, "listed"), "s", "< 2"),
        Figure(
            f"page: {size}, from opening to all texts searchable and all charts", parts.median(opened, "ready"), "s"
        ),
        Figure(f"page: {size}, the slowest of some searches", parts.median(opened, "search"), "s", "< 0.2"),
    ]


if __name__ == "__main__":
    run(lambda: parts.script(PARTS, measure, scenes=50_000, rounds=3))
