"""The page that people open: verdict, curves, books and scenes in one HTML file that needs no network.

It stands outside dvc.yaml: tables that only some studies have (metrics/overturns.csv, metrics/flashes.csv) can be no
deps of a DVC stage, and an experiment has no use for a page.

Reads   metrics/, data/ltm_10000_bookmap.csv, data/shelf.csv, data/*/accounts.csv, data/probe/books.csv, data/scenes/,
        data/validate/scenes.jsonl, data/validate/rejected.csv
Writes  data/page/index.html (it holds text of the books, so git ignores it)
Run     python -m stages.page
"""

from pathlib import Path

from stages.page.build import Page, render
from stages.page.charts import draw
from stages.page.library import read_library
from stages.page.metrics import read_metrics
from stages.page.scenes import pack, read_books
from stages.shared.commands import command_line
from stages.shared.errors import run

METRICS, OUT = Path("metrics"), Path("data/page/index.html")


def main() -> None:
    parser = command_line("page", __doc__)
    parser.add_argument("--out", type=Path, default=OUT, help=f"where to write it; {OUT} by default")
    out = parser.parse_args().out
    metrics, library = read_metrics(METRICS), read_library()
    index, blocks = pack(read_books(), {entry.book_id: entry.fate for entry in library})
    out.parent.mkdir(parents=True, exist_ok=True)
    out.write_text(render(Page(metrics, draw(metrics), library, index, blocks)), encoding="utf-8")
    print(f"page: {len(index.id):,} scenes and {len(library):,} books, {out.stat().st_size / 1e6:.1f} MB; open {out}")


if __name__ == "__main__":
    run(main)
