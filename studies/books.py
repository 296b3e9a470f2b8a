"""The books of a study by id and hash: listed once, found again wherever their files lie."""

import csv
import dataclasses
import shutil
from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from pathlib import Path

from stages.shared.errors import UserError
from stages.shared.keyed import file_digest
from stages.shared.progress import Progress
from stages.shared.records import ShelfBook, read_csv, write_csv
from studies.plan import Exclusions

OWN = ("book_id", "title", "author", "dates", "language", "tier", "category", "path", "essence")
TOLD = 20  # missing files that are named


@dataclass(frozen=True)
class StudyBook:
    """A row of studies/<name>/books.csv: a book, where its files stand in the library, and their bytes."""

    book_id: str
    title: str
    author: str
    language: str
    tier: str
    category: str
    source: str  # own, or bookmap: such a book needs no row of its own
    path: str  # below data/library, several joined with ";"
    sha256: str  # of each of them, joined with ";"

    @property
    def files(self) -> list[tuple[str, str]]:
        """Path and sha256 of each file."""
        return list(zip(self.path.split(";"), self.sha256.split(";"), strict=True))


def chosen(
    shelf: Sequence[ShelfBook], readable: AbstractSet[str], exclusions: Exclusions, library: Path
) -> list[StudyBook]:
    """The books of the shelf that have a text (`readable`, ids) and that the plan does not exclude.

    Raises UserError for an exclusion that meets no file.
    """
    names = {Path(path).name for book in shelf for path in book.path.split(";")}
    if strange := sorted(set(exclusions.books) - names):
        raise UserError(f"exclusions.books names {strange[0]}, which is no file of the library; correct the plan")
    kept = [
        book
        for book in shelf
        if book.book_id in readable
        and book.language in exclusions.languages
        and not {Path(path).name for path in book.path.split(";")} & set(exclusions.books)
    ]
    return [listed(book, library) for book in kept]


def listed(book: ShelfBook, library: Path) -> StudyBook:
    """The row of a book whose files stand in `library`, the data/library of a workspace."""
    facts = {field.name: getattr(book, field.name) for field in dataclasses.fields(StudyBook)}
    paths = [Path(path).relative_to("data/library") for path in book.path.split(";")]
    facts["path"] = ";".join(path.as_posix() for path in paths)
    facts["sha256"] = ";".join(file_digest(library / path) for path in paths)
    return StudyBook(**facts)


def find(books: Sequence[StudyBook], library: Path) -> tuple[dict[str, Path], list[StudyBook]]:
    """Files by sha256, in any folder of `library`, and the books that lack one."""
    if not library.is_dir():
        raise UserError(f"{library} is no folder; name the one that holds the books as LIBRARY=FOLDER")
    files = sorted(path for path in library.rglob("*") if path.is_file())
    found: dict[str, Path] = {}
    with Progress("studies: files", len(files), "file") as progress:
        for path in files:
            found.setdefault(file_digest(path), path)
            progress.step()
    return found, [book for book in books if any(digest not in found for _, digest in book.files)]


def tell_missing(missing: Sequence[StudyBook], total: int) -> str:
    """How many books are missing, and the first of them."""
    names = [f"  {book.book_id} {book.title} ({book.author}), sha256 {book.sha256[:12]}" for book in missing[:TOLD]]
    more = [f"  and {len(missing) - TOLD} more"] if len(missing) > TOLD else []
    return "\n".join([f"{len(missing)} of {total} books are not in the library:", *names, *more])


def put(books: Sequence[StudyBook], found: Mapping[str, Path], library: Path) -> None:
    """Make the library of a workspace hold exactly the files of these books, each at its place."""
    wanted = {library / path: found[digest] for book in books for path, digest in book.files}
    for path in [path for path in library.rglob("*") if path.is_file() and path not in wanted]:
        path.unlink()
    for target, source in wanted.items():
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)


def write_own(books: Sequence[StudyBook], path: Path) -> None:
    """The rows of the books that are none of the bookmap's, as data/catalogue/own.csv has them."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        rows = csv.DictWriter(stream, OWN, lineterminator="\n", restval="", extrasaction="ignore")
        rows.writeheader()
        rows.writerows(dataclasses.asdict(book) for book in books if book.source == "own")


def write_books(books: Sequence[StudyBook], path: Path) -> None:
    """Write the list."""
    write_csv(path, StudyBook, books)


def read_books(path: Path) -> list[StudyBook]:
    """Read the list."""
    return read_csv(path, StudyBook)
