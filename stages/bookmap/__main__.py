"""The bookmap of 10,000 books, and the shelf: the books whose files are here.

Reads   params.yaml (bookmap), data/catalogue/{core.csv, selection.csv.gz, own.csv}, data/sample/, data/library/
Writes  data/ltm_10000_bookmap.csv, data/shelf.csv, metrics/bookmap.json
Run     python -m stages.bookmap
        python -m stages.bookmap --add FILE_OR_FOLDER [--tier fractal] [--category X] [--language xx]
"""

import argparse
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from stages.bookmap.add import Wishes, add_books
from stages.bookmap.own import read_own
from stages.bookmap.rows import check_books, core_books, same_work_patterns, selected_books
from stages.bookmap.shelf import Match, match_bookmap, match_listed, shelve
from stages.shared.errors import UserError, run
from stages.shared.params import Section, load_params
from stages.shared.records import TIERS, Book, ShelfBook, read_csv, write_csv, write_json

CATALOGUE = Path("data/catalogue")
CORE = CATALOGUE / "core.csv"
OWN = CATALOGUE / "own.csv"
LIBRARY = Path("data/library")
SAMPLE = Path("data/sample")
BOOKMAP = Path("data/ltm_10000_bookmap.csv")
SHELF = Path("data/shelf.csv")
METRICS = Path("metrics/bookmap.json")


class BookmapParams(Section):
    """Section `bookmap` of params.yaml."""

    sample: bool  # whether the books of the embedded library stand on the shelf


def read_bookmap() -> list[Book]:
    """The rows of core, orbit and fractal, checked."""
    books = core_books(CORE) + selected_books(CATALOGUE / "selection.csv.gz")
    check_books(books)
    return books


def read_sample() -> list[Book]:
    """The rows of the embedded library."""
    path = SAMPLE / "catalogue.csv"
    if not path.exists():
        raise UserError(f"{path} is missing; run `dvc repro sample`, or set bookmap.sample to false")
    return read_csv(path, Book)


def match_all(books: Sequence[Book], with_sample: bool) -> list[Match]:
    """Match the sample's, the user's and the bookmap's rows to files, in this order."""
    sample = read_sample() if with_sample else []
    taken = {book.book_id for book in [*books, *sample]}
    own = read_own(OWN, LIBRARY, taken)
    matches = match_listed(sample, "sample", SAMPLE / "books") + match_listed(own, "own", LIBRARY)
    return matches + match_bookmap(books, LIBRARY)


def summarise(books: Sequence[Book], shelf: Sequence[ShelfBook]) -> dict[str, int]:
    """Counts by tier: rows of the bookmap, and books of the shelf by status; rows without any file are missing."""
    rows = Counter(book.tier for book in books)
    statuses = Counter((row.tier, row.status) for row in shelf)
    known = {row.book_id for row in shelf}
    absent = Counter(book.tier for book in books if book.book_id not in known)
    summary = {f"{tier}_rows": rows[tier] for tier in TIERS}
    summary["languages"] = len({book.language for book in books})
    for tier in TIERS:
        summary[f"{tier}_here"] = statuses[tier, "here"]
        summary[f"{tier}_missing"] = statuses[tier, "missing"] + absent[tier]
        summary[f"{tier}_rejected"] = statuses[tier, "rejected"]
    here = [row for row in shelf if row.status == "here"]
    return summary | {"books_here": len(here), "languages_here": len({row.language for row in here})}


def parse_arguments() -> argparse.Namespace:
    """The command line; without arguments the stage writes its outputs."""
    parser = argparse.ArgumentParser(prog="python -m stages.bookmap", description="Write the bookmap and the shelf.")
    parser.add_argument("--add", type=Path, metavar="FILE_OR_FOLDER", help="put books into data/library and own.csv")
    parser.add_argument("--tier", default="fractal", help="tier of the added books: core, orbit or fractal")
    parser.add_argument("--category", default="", help="category of the added books (own)")
    parser.add_argument("--language", default="", help="their ISO 639 code, where the file does not say it")
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    settings = load_params(BookmapParams, "bookmap")
    books = read_bookmap()
    if arguments.add:
        wishes = Wishes(arguments.tier, arguments.category, arguments.language)
        with_sample = settings.sample and (SAMPLE / "catalogue.csv").exists()
        shelf = [(match.book, path) for match in match_all(books, with_sample) for path in match.found]
        add_books(arguments.add, wishes, OWN, LIBRARY, shelf, same_work_patterns(CORE))
        return
    rows = shelve(match_all(books, settings.sample))
    if not any(row.status == "here" for row in rows):
        raise UserError(
            f"no book is here; set sample.enabled and bookmap.sample to true, or bring books: "
            f"`python -m stages.bookmap --add FILE_OR_FOLDER`, or Gutenberg files as {LIBRARY}/pg/ID/ID.epub"
        )
    write_csv(BOOKMAP, Book, books)
    write_csv(SHELF, ShelfBook, rows)
    summary = summarise(books, rows)
    write_json(METRICS, summary)
    missing = sum(summary[f"{tier}_missing"] for tier in TIERS)
    rejected = sum(summary[f"{tier}_rejected"] for tier in TIERS)
    print(f"bookmap: {len(books)} rows; {summary['books_here']} books here, {missing} missing, {rejected} rejected")


if __name__ == "__main__":
    run(main)
