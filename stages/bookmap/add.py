"""Put a file, or all book files of a folder, into the library and into own.csv."""

import re
import shutil
import zipfile
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stages.bookmap.own import COLUMNS, append_rows
from stages.bookmap.rows import LANGUAGE, core_work, read_table
from stages.bookmap.shelf import FORMATS, suffix_of
from stages.shared.errors import UserError
from stages.shared.keyed import file_digest
from stages.shared.records import TIERS, Book


@dataclass(frozen=True)
class Wishes:
    """What the command line says about the books to add; "" leaves it to the file."""

    tier: str
    category: str
    language: str


@dataclass(frozen=True)
class Facts:
    """What a file says about itself; "" where it is silent."""

    title: str = ""
    author: str = ""
    language: str = ""


def read_facts(path: Path) -> Facts:
    """Title, author and language out of the metadata of an EPUB or PDF."""
    readers = {"epub": epub_facts, "pdf": pdf_facts}
    reader = readers.get(suffix_of(path.name))
    return reader(path) if reader else Facts()


def epub_facts(path: Path) -> Facts:
    """The Dublin Core of an EPUB; nothing of a file that cannot be opened as one."""
    from ebooklib import epub
    from lxml import etree

    try:
        book = epub.read_epub(path, {"ignore_ncx": True})
    except (epub.EpubException, KeyError, ValueError, OSError, AttributeError, zipfile.BadZipFile, etree.LxmlError):
        return Facts()
    values = {
        name: [str(value) for value, _ in book.get_metadata("DC", name) if value] for name in ("title", "creator")
    }
    languages = [str(value) for value, _ in book.get_metadata("DC", "language") if value]
    return Facts(one_line("".join(values["title"][:1])), one_line("; ".join(values["creator"])), code_of(languages))


def pdf_facts(path: Path) -> Facts:
    """The document information of a PDF; nothing of a file that cannot be opened."""
    import pymupdf

    try:
        with pymupdf.open(path) as document:
            found: dict[str, Any] = document.metadata or {}
            languages = [document.language or ""]
    except (RuntimeError, ValueError):
        return Facts()
    return Facts(one_line(found.get("title") or ""), one_line(found.get("author") or ""), code_of(languages))


def one_line(text: str) -> str:
    """The text without line breaks and doubled spaces."""
    return " ".join(text.split())


def code_of(languages: Sequence[str]) -> str:
    """The first usable ISO 639 code.

    Example: ["en-GB"] -> "en"
    """
    codes = [re.split(r"[-_]", value.strip().lower())[0] for value in languages]
    return next((code for code in codes if LANGUAGE.fullmatch(code) and code != "und"), "")


def book_files(source: Path) -> list[Path]:
    """The files to add: `source` itself, or every book file below it, sorted."""
    if source.is_file():
        if suffix_of(source.name) not in FORMATS:
            raise UserError(f"{source} is no book file; {', '.join(FORMATS)} are read")
        return [source]
    if not source.is_dir():
        raise UserError(f"{source} is neither a file nor a folder; check its name")
    files = sorted(path for path in source.rglob("*") if path.is_file() and suffix_of(path.name) in FORMATS)
    if not files:
        raise UserError(f"{source} holds no book file; {', '.join(FORMATS)} are read")
    return files


def plan_rows(
    files: Sequence[Path], wishes: Wishes, library: Path, known: dict[str, str], taken: Collection[str]
) -> Iterator[tuple[Path, dict[str, str] | str]]:
    """For each file its row of own.csv, or the id of the book that has the same bytes.

    `known` holds digest -> book id of what is on the shelf; it grows. Raises UserError where a file says no language.
    """
    numbers = (f"own-{number:04d}" for number in range(1, 10**6))
    free = (book_id for book_id in numbers if book_id not in taken)
    names: dict[str, Path] = {}
    for path in files:
        digest = file_digest(path)
        if digest in known:
            yield path, known[digest]
            continue
        facts = read_facts(path)
        language = wishes.language or facts.language
        if not LANGUAGE.fullmatch(language):
            raise UserError(f"{path} does not say its language; add --language with its ISO 639 code, en for example")
        book_id = known[digest] = next(free)
        row = {"book_id": book_id, "title": facts.title or path.stem, "author": facts.author, "dates": ""}
        row |= {"language": language, "tier": wishes.tier, "category": wishes.category or "own", "essence": ""}
        yield path, row | {"path": place_of(path, library, book_id, names)}


def place_of(path: Path, library: Path, book_id: str, names: dict[str, Path]) -> str:
    """Where a file stands or will stand below the library, clear of other files."""
    if path.resolve().is_relative_to(library.resolve()):
        return path.resolve().relative_to(library.resolve()).as_posix()
    name = f"own/{path.name.replace(';', ',')}"
    if name in names or (library / name).exists():
        name = f"own/{book_id}-{Path(name).name}"
    names[name] = path
    return name


def add_books(
    source: Path,
    wishes: Wishes,
    own: Path,
    library: Path,
    shelf: Sequence[tuple[Book, Path]],
    core: dict[str, re.Pattern[str]],
) -> None:
    """Add what `source` holds; nothing is written where one of its files cannot be added."""
    if wishes.tier not in TIERS:
        raise UserError(f"--tier is {wishes.tier!r}; tiers are {', '.join(TIERS)}")
    files = book_files(source)
    sizes = {path.stat().st_size for path in files}
    known = {file_digest(path): book.book_id for book, path in reversed(shelf) if path.stat().st_size in sizes}
    plan = list(plan_rows(files, wishes, library, known, {book.book_id for book, _ in shelf} | own_ids(own)))
    for path, row in plan:
        print(f"bookmap: {put_file(path, row, library, core)}")
    rows = [row for _, row in plan if not isinstance(row, str)]
    if rows:
        append_rows(own, rows)
        print(f"bookmap: {len(rows)} added to {own}; next: `dvc add {library}`, `dvc repro`")


def put_file(path: Path, row: dict[str, str] | str, library: Path, core: dict[str, re.Pattern[str]]) -> str:
    """Copy a file to its place unless it stands there, and say what was done."""
    if isinstance(row, str):
        return f"{path} has the same bytes as {row}; left out"
    target = library / row["path"]
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
    core_id = core_work(row["title"], row["author"], core)
    hint = f"; it looks like an edition of {core_id}: as {library}/user/{core_id}{path.suffix} it would be that book"
    facts = ", ".join([row["author"] or "no author", row["language"], row["tier"]])
    return f"{row['book_id']} {row['title']} ({facts}) -> {target}{hint if core_id else ''}"


def own_ids(path: Path) -> set[str]:
    """The ids that own.csv uses, those of rows without a file included."""
    return {row["book_id"] for row in read_table(path, COLUMNS)} if path.exists() else set()
