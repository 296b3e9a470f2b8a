"""What became of every book: used, held out for the probe, missing, or rejected with a reason."""

import csv
import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from stages.shared.errors import UserError
from stages.shared.records import Account, ShelfBook, read_csv

SHELF, BOOKMAP = Path("data/shelf.csv"), Path("metrics/bookmap.json")
TEXTS, SCENES = Path("data/extract/accounts.csv"), Path("data/scenes/accounts.csv")
GATE, READ = Path("data/validate/accounts.csv"), Path("data/tiers/accounts.csv")
PROBE = Path("data/probe/books.csv")


@dataclass(frozen=True)
class Fate:
    """One book's end: `status` is used, probe, missing or rejected; `reason` says why for the last two."""

    book_id: str
    title: str
    author: str
    status: str
    reason: str


@dataclass(frozen=True)
class Fates:
    """All books of the shelf; `absent` counts rows of the bookmap that have no file here and no row on the shelf."""

    books: tuple[Fate, ...]
    absent: int

    def count(self, status: str) -> int:
        """How many books ended as `status`, rows without a file among the missing."""
        return sum(book.status == status for book in self.books) + (self.absent if status == "missing" else 0)

    def reasons(self, status: str) -> list[tuple[str, int]]:
        """Reasons of one status with their counts, most frequent first, then by name."""
        counts = Counter(book.reason for book in self.books if book.status == status)
        return sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))


def read_fates() -> Fates:
    """Follow every book of the shelf through the accounts of the stages."""
    for path in (SHELF, TEXTS, SCENES, GATE, READ, PROBE, BOOKMAP):
        if not path.exists():
            raise UserError(f"{path} is missing; run `dvc repro`")
    shelf = read_csv(SHELF, ShelfBook)
    accounts = [row for path in (READ, GATE, SCENES, TEXTS) for row in read_csv(path, Account)]
    refused = {row.book_id: row.reason for row in accounts if row.status == "rejected"}
    known = {row.book_id for row in accounts}
    with PROBE.open(encoding="utf-8", newline="") as stream:
        probe = {row["book_id"] for row in csv.DictReader(stream)}
    books = tuple(fate_of(book, probe, refused, known) for book in shelf)
    bookmap = json.loads(BOOKMAP.read_text(encoding="utf-8"))
    return Fates(books, sum(count for name, count in bookmap.items() if name.endswith("_missing")))


def fate_of(book: ShelfBook, probe: set[str], refused: dict[str, str], known: set[str]) -> Fate:
    """The first stage that lost the book decides."""
    if book.status != "here":
        end = (book.status, book.reason or "no file here")
    elif book.book_id in probe:
        end = ("probe", "")
    elif book.book_id in refused:
        end = ("rejected", refused[book.book_id])
    elif book.book_id not in known:
        end = ("rejected", "gave no text to pick scenes from")
    else:
        end = ("used", "")
    return Fate(book.book_id, book.title, book.author, *end)
