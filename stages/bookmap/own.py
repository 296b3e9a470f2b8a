"""The user's own rows: data/catalogue/own.csv, read, checked and added to."""

import csv
import re
from collections.abc import Collection, Sequence
from pathlib import Path

from stages.bookmap.rows import LANGUAGE, read_table
from stages.shared.errors import UserError
from stages.shared.records import TIERS, Book

COLUMNS = ("book_id", "title", "author", "dates", "language", "tier", "category", "path", "essence")
BOOK_ID = re.compile(r"[a-z0-9][a-z0-9-]*")


def read_own(path: Path, library: Path, taken: Collection[str]) -> list[Book]:
    """Read the user's rows; raises UserError naming the row where one cannot stand on the shelf."""
    if not path.exists():
        return []
    books: list[Book] = []
    known = set(taken)
    for number, row in enumerate(read_table(path, COLUMNS), 2):
        values = {name: row[name].strip() for name in COLUMNS}
        if fault := fault_of(values, library, known):
            raise UserError(f"{path}: row {number} ({values['book_id'] or 'no book_id'}) {fault}")
        known.add(values["book_id"])
        values["category"] = values["category"] or "own"
        source = "user" if values["essence"] else ""
        books.append(Book(**values, loc_class="", bookshelf="", gutenberg_id="", essence_source=source))
    return books


def fault_of(row: dict[str, str], library: Path, known: Collection[str]) -> str:
    """What is wrong with a row and how to mend it, or ""."""
    if not BOOK_ID.fullmatch(row["book_id"]):
        return "has no usable book_id; take small letters, digits and hyphens, own-0001 for example"
    if row["book_id"] in known:
        return f"repeats book_id {row['book_id']}; give it another one"
    if not row["title"]:
        return "has no title; write one"
    if row["tier"] not in TIERS:
        return f"has tier {row['tier']!r}; tiers are {', '.join(TIERS)}"
    if not LANGUAGE.fullmatch(row["language"]):
        return f"has language {row['language']!r}; write its ISO 639 code, en for example"
    if not row["path"]:
        return f"has no path; write where its file lies below {library}"
    for name in row["path"].split(";"):
        if not is_inside(name, library):
            return f"has path {name!r}, which is not below {library}; put the file there and write its place in it"
    return ""


def is_inside(name: str, library: Path) -> bool:
    """Whether a relative path stays below the library; links may also lead into DVC's cache."""
    if not name or Path(name).is_absolute() or ".." in Path(name).parts:
        return False
    real = (library / name).resolve()
    return any(real.is_relative_to(folder.resolve()) for folder in (library, Path(".dvc") / "cache"))


def append_rows(path: Path, rows: Sequence[dict[str, str]]) -> None:
    """Write `rows` behind those that `path` holds, all or none."""
    path.parent.mkdir(parents=True, exist_ok=True)
    old = read_table(path, COLUMNS) if path.exists() else []
    draft = path.with_name(f".{path.name}.draft")
    with draft.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, COLUMNS, lineterminator="\n", extrasaction="ignore")
        writer.writeheader()
        writer.writerows([*old, *rows])
    draft.replace(path)
