"""The records that pass between stages, and how they are read and written."""

import csv
import dataclasses
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

TIERS = ("core", "orbit", "fractal")


@dataclass(frozen=True)
class Book:
    """A row of a catalogue or of the bookmap: facts about one book, all of them text."""

    book_id: str
    title: str
    author: str
    dates: str  # year of the work, or the author's dates, as the catalogue gives them
    language: str  # ISO 639 code
    tier: str  # core, orbit, fractal
    category: str  # category of the core, theme of the orbit, stratum of the fractal
    loc_class: str
    bookshelf: str
    gutenberg_id: str
    path: str  # file below the library folder; several files of one work are joined with ";"
    essence: str
    essence_source: str  # curated, catalogue_facts, user


@dataclass(frozen=True)
class ShelfBook:
    """A book whose files are here, or were expected here: a row of data/shelf.csv."""

    book_id: str
    title: str
    author: str
    language: str
    tier: str
    category: str
    source: str  # sample, bookmap, own
    path: str  # files relative to the project's root, joined with ";"
    format: str  # epub, pdf, txt, or "" where no file is here
    sha256: str  # of the file; of the joined digests where there are several
    bytes: int
    status: str  # here, missing, rejected
    reason: str  # why it is missing or rejected


@dataclass(frozen=True)
class Account:
    """What became of one book in one stage: `status` is read, used or rejected, `reason` says why."""

    book_id: str
    status: str
    reason: str
    language: str = ""  # of its row
    paragraphs: int = 0
    words: int = 0
    bytes: int = 0
    detected: str = ""  # the two main languages of its text with their shares, where the stage detects them


@dataclass(frozen=True)
class Paragraph:
    """One paragraph of a book, clean, with its place."""

    index: int  # 0, 1, 2 ... in reading order
    chapter: str  # nearest heading above, "" before the first
    page: int | None  # page of a PDF, counted from 1; None for other formats
    kind: str  # prose, verse (its lines kept as \n), heading, note
    text: str


R = TypeVar("R")


def read_csv(path: Path, record: type[R]) -> list[R]:
    """Read a CSV into records; integer fields are converted, columns must match the record's fields."""
    fields = dataclasses.fields(record)  # type: ignore[arg-type]
    numbers = {field.name for field in fields if field.type in (int, "int")}
    with path.open(encoding="utf-8", newline="") as stream:
        rows = csv.DictReader(stream)
        return [record(**{k: int(v) if k in numbers else v for k, v in row.items()}) for row in rows]


def write_csv(path: Path, record: type[R], rows: Iterable[R]) -> None:
    """Write records as CSV with a header, in the order given, also where there is no row."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as stream:
        names = [field.name for field in dataclasses.fields(record)]  # type: ignore[arg-type]
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(names)
        writer.writerows([getattr(row, name) for name in names] for row in rows)


def read_paragraphs(path: Path) -> list[Paragraph]:
    """Read the paragraphs of a book: one JSON object a line."""
    return [Paragraph(**json.loads(line)) for line in path.read_text(encoding="utf-8").split("\n") if line]


def write_paragraphs(path: Path, paragraphs: Sequence[Paragraph]) -> None:
    """Write the paragraphs of a book: one JSON object a line."""
    lines = (json.dumps(dataclasses.asdict(paragraph), ensure_ascii=False) for paragraph in paragraphs)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def write_json(path: Path, content: Any) -> None:
    """Write JSON that reads well in a diff."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
