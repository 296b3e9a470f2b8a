"""The accounts of the library: every book of the shelf and of the bookmap with what became of it."""

import csv
from collections import Counter
from dataclasses import astuple, dataclass
from pathlib import Path

from stages.shared.accounts import SHELF, Fate, read_fates
from stages.shared.errors import UserError
from stages.shared.records import ShelfBook, read_csv

BOOKMAP, LIBRARY = Path("data/ltm_10000_bookmap.csv"), Path("data/library")


@dataclass(frozen=True)
class Entry:
    """One book: `status` is used, probe, missing or rejected; `path` is its file, or where a file would be found."""

    book_id: str
    title: str
    author: str
    language: str
    tier: str
    category: str
    status: str
    reason: str
    path: str

    @property
    def fate(self) -> str:
        """What became of it, in words.

        Example: "rejected: encrypted"
        """
        told = "held out for the probe" if self.status == "probe" else self.status
        return f"{told}: {self.reason}" if self.reason else told


def read_library() -> list[Entry]:
    """All books, those of the shelf first, then the rows of the bookmap that have no file here."""
    if not BOOKMAP.exists():
        raise UserError(f"{BOOKMAP} is missing; run `dvc repro bookmap`")
    fates = {fate.book_id: fate for fate in read_fates().books}
    shelf = [entry_of(book, fates[book.book_id]) for book in read_csv(SHELF, ShelfBook)]
    return [*shelf, *absent({book.book_id for book in shelf})]


def entry_of(book: ShelfBook, fate: Fate) -> Entry:
    """A book of the shelf."""
    facts = (book.book_id, book.title, book.author, book.language, book.tier, book.category)
    return Entry(*facts, fate.status, fate.reason, book.path)


def absent(here: set[str]) -> list[Entry]:
    """The rows of the bookmap that are not on the shelf."""
    with BOOKMAP.open(encoding="utf-8", newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["book_id"] not in here]
    return [entry_of_row(row) for row in rows]


def entry_of_row(row: dict[str, str]) -> Entry:
    """A row of the bookmap without a file; its path is where one would be found."""
    facts = (row["book_id"], row["title"], row["author"], row["language"], row["tier"], row["category"])
    return Entry(*facts, "missing", "no file here", str(LIBRARY / row["path"]))


def packed(library: list[Entry]) -> list[list[str]]:
    """The entries as columns, in the order of Entry's fields."""
    return [list(column) for column in zip(*map(astuple, library), strict=True)]


def counts(library: list[Entry]) -> dict[str, int]:
    """How many books ended as used, probe, missing and rejected."""
    found = Counter(entry.status for entry in library)
    return {status: found[status] for status in ("used", "probe", "missing", "rejected")}
