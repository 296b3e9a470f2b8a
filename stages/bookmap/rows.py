"""The 10,000 rows of the bookmap out of the catalogue's facts, checked."""

import csv
import gzip
import io
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from stages.shared.errors import UserError
from stages.shared.records import TIERS, Book

SIZES = {"core": 100, "orbit": 900, "fractal": 9000}
LANGUAGE = re.compile(r"[a-z]{2,3}")


def read_table(path: Path, columns: Sequence[str]) -> list[dict[str, str]]:
    """Read a CSV (gzip by its suffix) whose header must hold `columns`; raises UserError naming the file."""
    try:
        data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        rows = list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""), strict=True))
    except FileNotFoundError:
        raise UserError(f"{path} is missing; `git checkout {path}` brings it back") from None
    except (OSError, EOFError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} is no readable CSV in UTF-8 ({error}); mend it or `git checkout {path}`") from None
    for number, row in enumerate(rows, 2):
        if strange := [str(name) for name, value in row.items() if name is None or value is None]:
            raise UserError(f"{path}: row {number} has too many or too few fields ({strange[0]}); mend it")
        if missing := [name for name in columns if name not in row]:
            raise UserError(f"{path} has no column {missing[0]}; its columns must be {','.join(columns)}")
    return rows


def gutenberg_path(ids: str) -> str:
    """Where the files of a Gutenberg row lie in the library.

    Example: "12;13" -> "pg/12/12.epub;pg/13/13.epub"
    """
    return ";".join(f"pg/{number}/{number}.epub" for number in ids.split(";"))


def core_books(path: Path) -> list[Book]:
    """The core: with a Gutenberg edition where there is one, else a file that the user brings."""
    columns = "core_id title author year original_language category essence gutenberg_id gutenberg_language same_work"
    return [
        Book(
            book_id=row["core_id"],
            title=row["title"],
            author=row["author"],
            dates=row["year"],
            language=(row["gutenberg_language"] or row["original_language"]).split("/")[0],
            tier="core",
            category=row["category"],
            loc_class="",
            bookshelf="",
            gutenberg_id=row["gutenberg_id"],
            path=gutenberg_path(row["gutenberg_id"]) if row["gutenberg_id"] else f"user/{row['core_id']}.epub",
            essence=row["essence"],
            essence_source="curated",
        )
        for row in read_table(path, columns.split())
    ]


def selected_books(path: Path) -> list[Book]:
    """Orbit and fractal: rows of the selection, with the path and source of essence that follow from them."""
    columns = "book_id title author dates language tier category loc_class bookshelf gutenberg_id essence".split()
    return [
        Book(
            **{name: row[name] for name in columns},
            path=gutenberg_path(row["gutenberg_id"]),
            essence_source="catalogue_facts",
        )
        for row in read_table(path, columns)
    ]


def check_books(books: Sequence[Book], sizes: Mapping[str, int] = SIZES) -> None:
    """Raise UserError for a row that breaks a rule of the bookmap: sizes, ids, tiers, languages, files."""
    counts = Counter(book.tier for book in books)
    for tier, size in sizes.items():
        if counts[tier] != size:
            raise UserError(f"the bookmap needs {size} {tier} rows, data/catalogue gives {counts[tier]}; mend it there")
    for name in ("book_id", "gutenberg_id", "path"):
        if twice := repeated(getattr(book, name) for book in books):
            raise UserError(f"{name} {twice} stands in two rows of the bookmap; mend data/catalogue")
    for book in books:
        if fault := fault_of(book):
            raise UserError(f"row {book.book_id} of the bookmap {fault}; mend data/catalogue")


def fault_of(book: Book) -> str:
    """What is wrong with a row, or "" where nothing is."""
    if book.tier not in TIERS:
        return f"has tier {book.tier!r}; tiers are {', '.join(TIERS)}"
    if not LANGUAGE.fullmatch(book.language):
        return f"has language {book.language!r}; an ISO 639 code such as en is needed"
    for name in ("title", "category", "essence", "path"):
        if not getattr(book, name).strip():
            return f"has no {name}"
    return ""


def repeated(values: Iterable[str]) -> str:
    """The first value (empty ones aside) that occurs twice, or ""."""
    counts = Counter(value for value in values if value)
    return next((value for value, count in counts.items() if count > 1), "")


def same_work_patterns(path: Path) -> dict[str, re.Pattern[str]]:
    """Per core book the pattern that recognises its editions and translations in `work_line` of a row."""
    patterns = {}
    for row in read_table(path, ["core_id", "same_work"]):
        try:
            patterns[row["core_id"]] = re.compile(row["same_work"])
        except re.error as error:
            raise UserError(f"{path}: same_work of {row['core_id']} is no regular expression ({error})") from None
    return patterns


def work_line(title: str, author: str) -> str:
    """Title and author as the patterns see them: small letters, no accents.

    Example: "L'Évolution créatrice", "Bergson, Henri" -> "l'evolution creatrice | bergson, henri"
    """
    return " ".join(plain(f"{title} | {author}").split())


def plain(text: str) -> str:
    """The text in small letters, without accents.

    Example: "Évolution" -> "evolution"
    """
    if text.isascii():
        return text.casefold()
    letters = unicodedata.normalize("NFKD", text)
    return "".join(sign for sign in letters if not unicodedata.combining(sign)).casefold()


def core_work(title: str, author: str, patterns: dict[str, re.Pattern[str]]) -> str:
    """The id of the core book of which this is an edition or a translation, or ""."""
    line = work_line(title, author)
    return next((core_id for core_id, pattern in patterns.items() if pattern.search(line)), "")


def author_part(pattern: str) -> str:
    r"""What a pattern of `same_work` asks of the author alone; "" where it asks nothing, or for one of several things.

    Example: "(metaphysi|metaphisi).*\| .*(aristot|stagir)" -> "(aristot|stagir)"
    """
    title, mark, author = pattern.partition(r"\| .*")
    return author if mark and not has_choice(title) and not has_choice(author) else ""


def has_choice(pattern: str) -> bool:
    """Whether alternatives stand outside of all brackets."""
    bare = re.sub(r"\\.|\[[^\]]*\]", "", pattern)
    while (shorter := re.sub(r"\([^()]*\)", "", bare)) != bare:
        bare = shorter
    return "|" in bare
