"""A catalogue in the format of Project Gutenberg's pg_catalog.csv, read and checked."""

import csv
import gzip
import hashlib
import io
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from stages.shared.errors import UserError

COLUMNS = ("Text#", "Type", "Title", "Language", "Authors", "Subjects", "LoCC", "Bookshelves")
FEED = "https://www.gutenberg.org/cache/epub/feeds/pg_catalog.csv"
NUMBER = re.compile(r"[1-9][0-9]{0,8}")
GZIP = b"\x1f\x8b"


@dataclass(frozen=True)
class Entry:
    """A row of the catalogue; columns of several values are split."""

    number: int  # Gutenberg's id
    type: str  # Text, Sound, Image ...
    title: str  # as it is printed; may hold line breaks
    languages: tuple[str, ...]
    authors: tuple[str, ...]  # "Last, First, dates [Role]"
    subjects: tuple[str, ...]
    classes: tuple[str, ...]  # Library of Congress
    shelves: tuple[str, ...]


@dataclass(frozen=True)
class Catalogue:
    """The rows of a catalogue, and what tells one snapshot from another."""

    path: Path
    entries: tuple[Entry, ...]
    sha256: str
    largest_id: int


def read_catalogue(path: Path) -> Catalogue:
    """Read a catalogue, plain or gzipped; raises UserError naming what is wrong with it, and the remedy."""
    data = read_bytes(path)
    entries = tuple(entry_of(path, number, row) for number, row in read_rows(path, unpack(path, data)))
    if not entries:
        raise fault(path, "has a header and no rows")
    seen: set[int] = set()
    for entry in entries:
        if entry.number in seen:
            raise fault(path, f"has two rows with Text# {entry.number}")
        seen.add(entry.number)
    return Catalogue(path, entries, hashlib.sha256(data).hexdigest(), max(seen))


def fault(path: Path, what: str) -> UserError:
    """An error about the catalogue, with the remedy."""
    embedded = "data/catalogue/selection.csv.gz"
    remedy = f"bring a fresh one with `dvc import-url --force {FEED} {path}`, or set bookmap.catalogue to {embedded}"
    return UserError(f"{path} {what}; {remedy}")


def read_bytes(path: Path) -> bytes:
    """The bytes of the file; raises UserError where there are none."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        raise fault(path, "(bookmap.catalogue) is not here") from None
    except OSError as error:
        raise fault(path, f"cannot be read ({error.strerror})") from None
    if not data.strip():
        raise fault(path, f"is empty ({len(data)} bytes)")
    return data


def unpack(path: Path, data: bytes) -> str:
    """The text of the catalogue; gzip is recognised by its first bytes, not by the file's name."""
    try:
        plain = gzip.decompress(data) if data.startswith(GZIP) else data
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise fault(path, f"is a damaged or truncated gzip file of {len(data)} bytes ({error})") from None
    if plain.lstrip()[:1] == b"<":
        raise fault(path, "is a web page or XML, no CSV")
    try:
        return plain.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = plain.count(b"\n", 0, error.start) + 1
        raise fault(path, f"is not UTF-8 (byte 0x{plain[error.start]:02x} in line {line})") from None


def read_rows(path: Path, text: str) -> Iterator[tuple[int, list[str]]]:
    """The number of each row (the header is row 1; titles hold line breaks, so it is not the line) and its fields."""
    rows = csv.reader(io.StringIO(text, newline=""), strict=True)
    number = 1
    try:
        header = next(rows)
        if missing := [name for name in COLUMNS if name not in header]:
            shown = ",".join(header)[:120]
            raise fault(
                path, f"has no column {missing[0]} (its first row is {shown!r}, {','.join(COLUMNS)} are needed)"
            )
        places = [header.index(name) for name in COLUMNS]
        for number, row in enumerate(rows, 2):
            if row and len(row) != len(header):
                raise fault(path, f"has {len(row)} fields in row {number} and {len(header)} in its header")
            if row:
                yield number, [row[place].strip() for place in places]
    except csv.Error as error:
        raise fault(path, f"is no readable CSV after row {number} ({error})") from None


def entry_of(path: Path, number: int, row: list[str]) -> Entry:
    """The record of a row; raises UserError where its id is no number."""
    text, kind, title, languages, authors, subjects, classes, shelves = row
    if not NUMBER.fullmatch(text):
        raise fault(path, f"has Text# {text[:40]!r} in row {number}, where a number is needed")
    return Entry(
        int(text), kind, title, parts(languages), parts(authors), parts(subjects), parts(classes), parts(shelves)
    )


def parts(value: str) -> tuple[str, ...]:
    """The values that a column joins.

    Example: "E201; JK" -> ("E201", "JK")
    """
    return tuple(part.strip() for part in value.split("; ") if part.strip())
