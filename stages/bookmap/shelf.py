"""Which books have their files here: rows matched to files, with format, digest and status."""

import hashlib
import os
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from stages.shared.keyed import file_digest
from stages.shared.progress import Progress
from stages.shared.records import Book, ShelfBook

FORMATS = ("epub", "pdf", "txt")  # in the order in which an edition is preferred
EDITION = re.compile(  # Gutenberg's own names, and the ids of rows
    r"(pg)?(?P<stem>\d+|(core|orbit|fractal|pg)-\d+)(-(no)?images)?(-\d+|-pdf|-utf8)?\.(epub|pdf|txt)", re.IGNORECASE
)


@dataclass(frozen=True)
class Match:
    """A row and its files: `found` as paths, `wanted` but absent ones as the names that were expected."""

    book: Book
    source: str  # sample, own, bookmap
    found: tuple[Path, ...]
    wanted: tuple[str, ...]


def list_library(library: Path) -> dict[str, list[str]]:
    """The names of the files of each folder below `library`: relative folder -> sorted names."""
    folders: dict[str, list[str]] = defaultdict(list)
    for folder, _, names in os.walk(library, followlinks=True):
        folders[Path(folder).relative_to(library).as_posix()] = sorted(names)
    return folders


def edition(names: Iterable[str], stem: str) -> str:
    """The best file of a Gutenberg book or of a row among `names`, or "".

    Example: ["pg12-images-3.epub", "pg12.pdf"], "12" -> "pg12-images-3.epub"
    """
    fitting = [name for name in names if (found := EDITION.fullmatch(name)) and found["stem"].lower() == stem]
    return min(fitting, key=lambda name: (FORMATS.index(suffix_of(name)), len(name), name), default="")


def suffix_of(name: str) -> str:
    """The suffix of a file name, in small letters and without the dot."""
    return Path(name).suffix.lower().removeprefix(".")


def match_bookmap(books: Sequence[Book], library: Path) -> list[Match]:
    """Match the rows of the bookmap to files: at the row's path, under Gutenberg's own names, or as user/ID.*."""
    folders = list_library(library)
    return [match for book in books if (match := match_book(book, library, folders))]


def match_book(book: Book, library: Path, folders: dict[str, list[str]]) -> Match | None:
    """Match one row; None where no file of it is here."""
    if name := edition(folders.get("user", []), book.book_id):
        return Match(book, "bookmap", (library / "user" / name,), ())
    found, wanted = [], []
    for number in filter(None, book.gutenberg_id.split(";")):
        folder = f"pg/{number}"
        if name := edition(folders.get(folder, []), number):
            found.append(library / folder / name)
        else:
            wanted.append(f"{folder}/{number}.epub")
    return Match(book, "bookmap", tuple(found), tuple(wanted)) if found else None


def match_listed(books: Sequence[Book], source: str, folder: Path) -> list[Match]:
    """Match rows that say themselves where their files lie below `folder`."""
    matches = []
    for book in books:
        names = book.path.split(";")
        found = tuple(folder / name for name in names if (folder / name).is_file())
        wanted = tuple(name for name in names if not (folder / name).is_file())
        matches.append(Match(book, source, found, wanted))
    return matches


def shelve(matches: Sequence[Match]) -> list[ShelfBook]:
    """Turn matches into rows of the shelf; a later row with the bytes of an earlier one is rejected."""
    first: dict[str, str] = {}
    shelf = []
    with Progress("bookmap", len(matches)) as progress:
        for match in matches:
            row = shelf_book(match)
            if row.status == "here":
                owner = first.setdefault(row.sha256, row.book_id)
                if owner != row.book_id:
                    row = replace(row, status="rejected", reason=f"duplicate of {owner}")
            shelf.append(row)
            progress.step()
    return shelf


def shelf_book(match: Match) -> ShelfBook:
    """The row of one match, its files hashed."""
    book, formats = match.book, sorted({suffix_of(path.name) for path in match.found})
    digests = [file_digest(path) for path in match.found]
    sizes = [path.stat().st_size for path in match.found]
    status, reason = "here", ""
    if match.wanted:
        status, reason = "missing", f"{match.wanted[0]} is not here"
    elif strange := [name for name in formats if name not in FORMATS]:
        status, reason = "rejected", f"unknown format {strange[0] or 'without suffix'}; {', '.join(FORMATS)} are read"
    elif not all(sizes):
        status, reason = "rejected", "empty file"
    return ShelfBook(
        book_id=book.book_id,
        title=book.title,
        author=book.author,
        language=book.language,
        tier=book.tier,
        category=book.category,
        source=match.source,
        path=";".join(path.as_posix() for path in match.found),
        format=";".join(formats),
        sha256=digests[0] if len(digests) == 1 else joined_digest(digests),
        bytes=sum(sizes),
        status=status,
        reason=reason,
    )


def joined_digest(digests: Sequence[str]) -> str:
    """sha256 over the digests of several files, in their order; "" for none."""
    return hashlib.sha256("".join(digests).encode()).hexdigest() if digests else ""
