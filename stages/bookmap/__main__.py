"""The bookmap of 10,000 books, and the shelf: the books whose files are here.

Reads   params.yaml (bookmap; workers for --add), data/catalogue/{core.csv, selection.csv.gz, reserve.csv.gz, own.csv},
        or bookmap.catalogue by data/catalogue/{selection_rules, orbit_rules}.yaml; data/sample/, data/library/
Writes  data/ltm_10000_bookmap.csv, data/ltm_reserve.csv, data/shelf.csv, metrics/bookmap.json
Run     python -m stages.bookmap
        python -m stages.bookmap --add FILE_OR_FOLDER [--tier fractal] [--category X] [--language xx]
        python -m stages.bookmap --needs [N]            # what is still to be brought for the first N books
        python -m stages.bookmap --needs [N] --files    # the same as a list for `rsync --files-from`
"""

import argparse
import os
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from stages.bookmap.add import Shelf, Wishes, add_books, own_ids
from stages.bookmap.needs import ALL, NAME, describe_needs, file_names, find_needs, rung_of
from stages.bookmap.own import read_own
from stages.bookmap.proposal import Proposer
from stages.bookmap.rows import same_work_patterns
from stages.bookmap.rules import read_rules, read_themes
from stages.bookmap.shelf import Match, match_bookmap, match_listed, shelve
from stages.bookmap.source import CORE, FOLDER, RULES, THEMES, Bookmap, read_bookmap
from stages.shared.commands import command_line
from stages.shared.errors import UserError, run
from stages.shared.params import Section, load_params
from stages.shared.records import TIERS, Book, ShelfBook, read_csv, write_csv, write_json
from stages.shared.workers import Workers

OWN = FOLDER / "own.csv"
LIBRARY = Path("data/library")
SAMPLE = Path("data/sample")
BOOKMAP = Path("data/ltm_10000_bookmap.csv")
RESERVE = Path("data/ltm_reserve.csv")
SHELF = Path("data/shelf.csv")
METRICS = Path("metrics/bookmap.json")


class BookmapParams(Section):
    """Section `bookmap` of params.yaml."""

    sample: bool  # whether the books of the embedded library stand on the shelf
    catalogue: str | None = (
        None  # a catalogue in the format of pg_catalog.csv; None = the embedded selection, which its own path means too
    )


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


def add(source: Path, wishes: Wishes, books: Sequence[Book], with_sample: bool) -> None:
    """Add one's own files."""
    with_sample = with_sample and (SAMPLE / "catalogue.csv").exists()
    files = [(match.book, path) for match in match_all(books, with_sample) for path in match.found]
    core = {book.book_id: book for book in books if book.tier == "core"}
    proposer = Proposer(core, same_work_patterns(CORE), read_themes(THEMES), read_rules(RULES))
    taken = {book.book_id for book, _ in files} | own_ids(OWN)
    gutenberg = {number: book for book in books for number in book.gutenberg_id.split(";") if number}
    shelf = Shelf(LIBRARY, files, taken, gutenberg)
    add_books(source, wishes, OWN, shelf, proposer, load_params(Workers, "workers"))


def print_needs(books: Sequence[Book], asked: str, pattern: str | None) -> None:
    """Print what is missing for a rung (or for `all`); where a pattern is given, only file names."""
    rung = rung_of(asked, books)
    needs = find_needs(books, LIBRARY, rung)
    try:
        for line in file_names(needs, pattern) if pattern else describe_needs(needs, rung, LIBRARY):
            print(line)
        sys.stdout.flush()
    except BrokenPipeError:  # `| head` has read enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def write_outputs(bookmap: Bookmap, with_sample: bool) -> None:
    """Match files, write the outputs and say what they hold."""
    rows = shelve(match_all(bookmap.books, with_sample))
    if not any(row.status == "here" for row in rows):
        raise UserError(
            f"no book is here; set sample.enabled and bookmap.sample to true, or bring books: "
            f"`python -m stages.bookmap --add FILE_OR_FOLDER`, or Gutenberg files as {LIBRARY}/pg/ID/ID.epub"
        )
    write_csv(BOOKMAP, Book, bookmap.books)
    write_csv(RESERVE, Book, bookmap.reserve)
    write_csv(SHELF, ShelfBook, rows)
    summary: dict[str, Any] = summarise(bookmap.books, rows)
    write_json(METRICS, summary | ({"selection": bookmap.account} if bookmap.account else {}))
    missing = sum(summary[f"{tier}_missing"] for tier in TIERS)
    rejected = sum(summary[f"{tier}_rejected"] for tier in TIERS)
    print_account(bookmap)
    here = summary["books_here"]
    print(f"bookmap: {len(bookmap.books)} rows; {here} books here, {missing} missing, {rejected} rejected")


def print_account(bookmap: Bookmap) -> None:
    """Say which catalogue the bookmap is from, and what became of its rows."""
    if account := bookmap.account:
        print(
            f"bookmap: {account['catalogue']}: {account['rows']} rows, largest id {account['largest_id']}, "
            f"sha256 {account['sha256'][:12]}"
        )
        print("bookmap: " + ", ".join(f"{count} {name}" for name, count in account["funnel"].items() if count))


def parse_arguments() -> argparse.Namespace:
    """The command line; without arguments the stage writes its outputs."""
    parser = command_line("bookmap", __doc__)
    parser.add_argument("--add", type=Path, metavar="FILE_OR_FOLDER", help="put books into data/library and own.csv")
    parser.add_argument("--tier", default="", help="tier of the added books: core, orbit or fractal (else proposed)")
    parser.add_argument("--category", default="", help="category of the added books (else proposed)")
    parser.add_argument("--language", default="", help="their ISO 639 code, where the file does not say it")
    parser.add_argument("--needs", nargs="?", const=ALL, metavar="N", help="say what the first N books lack")
    parser.add_argument("--files", nargs="?", const=NAME, metavar="NAME", help="with --needs: only names, for rsync")
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    settings = load_params(BookmapParams, "bookmap")
    if arguments.files and arguments.needs is None:
        raise UserError("--files goes with --needs; write `--needs N --files`")
    bookmap = read_bookmap(settings.catalogue)
    if arguments.needs is not None:
        print_needs(bookmap.books, arguments.needs, arguments.files)
    elif arguments.add:
        wishes = Wishes(arguments.tier, arguments.category, arguments.language)
        add(arguments.add, wishes, bookmap.books, settings.sample)
    else:
        write_outputs(bookmap, settings.sample)


if __name__ == "__main__":
    run(main)
