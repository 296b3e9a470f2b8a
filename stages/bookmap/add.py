"""Put a file, or all book files of a folder, into the library and into own.csv."""

import re
import shutil
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from stages.bookmap.metadata import Broken, Facts, read_facts
from stages.bookmap.own import COLUMNS, append_rows
from stages.bookmap.proposal import Place, Proposer
from stages.bookmap.rows import LANGUAGE, read_table
from stages.bookmap.shelf import FORMATS, edition, suffix_of
from stages.shared.errors import UserError
from stages.shared.keyed import file_digest
from stages.shared.progress import Progress
from stages.shared.records import TIERS, Book
from stages.shared.workers import Failure, Workers, map_items

TOLD = 20  # files that are told one by one where they were added; more are counted
UNSAFE = re.compile(r"[;\x00-\x1f\x7f/\\]")


@dataclass(frozen=True)
class Wishes:
    """What the command line says about the books to add; "" leaves it to the file."""

    tier: str
    category: str
    language: str


@dataclass(frozen=True)
class Look:
    """A file that was looked at: its digest and facts, or why it cannot be read."""

    digest: str
    facts: Facts
    broken: str = ""


@dataclass(frozen=True)
class Shelf:
    """What stands in the library already: the folder, books and files, ids in use, rows by Gutenberg's number."""

    library: Path
    files: Sequence[tuple[Book, Path]]
    taken: Collection[str]
    gutenberg: Mapping[str, Book]


@dataclass(frozen=True)
class Step:
    """What is done with a file: `row` is written, the file stands at or is copied to `target`; or it is left out."""

    path: Path
    outcome: str  # added, bookmap, or why it is left out: same bytes, same work, broken, ...
    detail: str
    target: Path | None = None
    row: dict[str, str] = field(default_factory=dict)


def look_at(path: Path) -> Look:
    """Read digest and facts of a file."""
    try:
        return Look(file_digest(path), read_facts(path))
    except Broken as error:
        return Look("", Facts(), str(error))
    except OSError as error:
        return Look("", Facts(), f"cannot be read ({error.strerror})")


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


class Planner:
    """Decides file by file; remembers the bytes, works and names of those before."""

    def __init__(self, shelf: Shelf, wishes: Wishes, proposer: Proposer, digests: Mapping[str, str]) -> None:
        self.shelf, self.wishes, self.proposer = shelf, wishes, proposer
        self.digests = dict(digests)  # digest -> book id
        self.names: set[str] = set()
        numbers = (f"own-{number:04d}" for number in range(1, 10**6))
        self.free = (book_id for book_id in numbers if book_id not in shelf.taken)

    def plan_all(self, looked: Sequence[tuple[Path, Look]]) -> list[Step]:
        """What to do with each file, in the order given; rows of the bookmap have the first choice."""
        listed = [look.facts.gutenberg_id in self.shelf.gutenberg for _, look in looked]
        order = sorted(range(len(looked)), key=lambda place: (not listed[place], place))
        steps = {place: self.plan(*looked[place]) for place in order}
        return [steps[place] for place in range(len(looked))]

    def plan(self, path: Path, look: Look) -> Step:
        """What to do with a file."""
        if look.broken:
            return Step(path, "broken", look.broken)
        if owner := self.digests.get(look.digest):
            return Step(path, "same bytes", f"has the same bytes as {owner}")
        if fault := self.name_fault(path):
            return Step(path, "unusable name", fault)
        if step := self.plan_gutenberg(path, look):
            return step
        language = self.wishes.language or look.facts.language
        if not LANGUAGE.fullmatch(language):
            return Step(
                path, "no language", "does not say its language; add --language with its ISO 639 code, en for example"
            )
        if owner := self.proposer.owner(look.facts, language):
            return Step(path, "same work", f"is the same work as {owner}")
        book_id = self.digests[look.digest] = next(self.free)
        self.proposer.remember(book_id, look.facts.title, look.facts.author, language)
        return self.add(path, look.facts, language, book_id)

    def name_fault(self, path: Path) -> str:
        """What is wrong with the name of a file that stands in the library, or ""."""
        if not self.is_inside(path):
            return ""
        strange = UNSAFE.search(path.as_posix().replace("/", "")) or not is_writable(path.as_posix())
        return "has a name that own.csv cannot hold (';', control characters or no UTF-8); rename it" if strange else ""

    def is_inside(self, path: Path) -> bool:
        """Whether a file stands in the library."""
        return path.resolve().is_relative_to(self.shelf.library.resolve())

    def plan_gutenberg(self, path: Path, look: Look) -> Step | None:
        """A file of a row of the bookmap goes to the place of that row, unless one is there."""
        number = look.facts.gutenberg_id
        book = self.shelf.gutenberg.get(number)
        if book is None or self.wishes.tier or self.wishes.category or self.is_inside(path):
            return None
        folder = self.shelf.library / "pg" / number
        if number in self.names or (folder.is_dir() and edition((file.name for file in folder.iterdir()), number)):
            return Step(path, "same work", f"is the same work as {book.book_id}")
        self.names.add(number)
        self.digests[look.digest] = book.book_id
        self.proposer.learn([book])
        self.proposer.remember(book.book_id, look.facts.title, look.facts.author, book.language)
        detail = f"{book.book_id} {book.title}, of the bookmap ({book.tier}); it needs no row"
        return Step(path, "bookmap", detail, folder / f"{number}.{suffix_of(path.name)}")

    def add(self, path: Path, facts: Facts, language: str, book_id: str) -> Step:
        """The row of a file and its place."""
        proposed = self.proposer.place(facts)
        place = Place(self.wishes.tier or proposed.tier, self.wishes.category or proposed.category)
        if self.wishes.tier and self.wishes.tier != proposed.tier and not self.wishes.category:
            place = Place(self.wishes.tier, "own")
        title = facts.title or path.stem.encode("utf-8", "replace").decode()
        row = {"book_id": book_id, "title": title, "author": facts.author, "dates": "", "language": language}
        name = self.place_of(path, book_id)
        row |= {"tier": place.tier, "category": place.category, "path": name, "essence": ""}
        by_text = " by its text" if facts.is_guessed and not self.wishes.language else ""
        said = ", ".join([facts.author or "no author", f"{language}{by_text}", place.tier, place.category])
        hint = ""
        if core_id := self.proposer.core_work(facts):
            mine = f"{self.shelf.library}/user/{core_id}{path.suffix}"
            hint = f"; it looks like an edition of {core_id}: as {mine} it would be that book"
        return Step(path, "added", f"{book_id} {title} ({said}){hint}", self.shelf.library / name, row)

    def place_of(self, path: Path, book_id: str) -> str:
        """Where a file stands or will stand below the library, clear of other files."""
        if self.is_inside(path):
            return path.resolve().relative_to(self.shelf.library.resolve()).as_posix()
        stem = UNSAFE.sub(",", path.name) if is_writable(path.name) else f"{book_id}.{suffix_of(path.name)}"
        name = f"own/{stem}"
        if name in self.names or not is_clear(self.shelf.library / name, path):
            name = f"own/{book_id}-{stem}"
        self.names.add(name)
        return name


def is_writable(name: str) -> bool:
    """Whether a file name can be written as UTF-8."""
    return not any("\ud800" <= sign <= "\udfff" for sign in name)


def is_clear(target: Path, path: Path) -> bool:
    """Whether nothing stands at a place, or the same bytes do: an earlier run was interrupted after copying them."""
    if not target.exists():
        return True
    return target.stat().st_size == path.stat().st_size and file_digest(target) == file_digest(path)


def add_books(
    source: Path, wishes: Wishes, own: Path, shelf: Shelf, proposer: Proposer, workers: Workers
) -> list[Step]:
    """Add what `source` holds; files that cannot be added are left out, told and counted. Returns what was done.

    Raises UserError where `source` is one file and it cannot be read or says no language.
    """
    if wishes.tier not in ("", *TIERS):
        raise UserError(f"--tier is {wishes.tier!r}; tiers are {', '.join(TIERS)}")
    files = book_files(source)
    planner = Planner(shelf, wishes, proposer, known_digests(files, shelf.files))
    proposer.learn(book for book, _ in shelf.files)
    steps = planner.plan_all(list(looks(files, workers)))
    if source.is_file() and steps[0].outcome in ("broken", "no language", "unusable name"):
        raise UserError(f"{source} {steps[0].detail}")
    copy_files([step for step in steps if step.target])
    if rows := [step.row for step in steps if step.row]:
        append_rows(own, rows)
    tell(steps, own, shelf.library)
    return steps


def looks(files: Sequence[Path], workers: Workers) -> Iterator[tuple[Path, Look]]:
    """Look at the files in worker processes: one that hangs or kills its reader is broken, the others go on."""
    for path, look in map_items(look_at, files, workers.limits, workers, "bookmap"):
        yield path, Look("", Facts(), look.reason) if isinstance(look, Failure) else look


def known_digests(files: Sequence[Path], shelved: Sequence[tuple[Book, Path]]) -> dict[str, str]:
    """The digests of files of the shelf that could be those of `files`, by their sizes, with the ids of their books."""
    sizes = {path.stat().st_size for path in files if path.exists()}
    return {file_digest(path): book.book_id for book, path in reversed(shelved) if path.stat().st_size in sizes}


def copy_files(steps: Sequence[Step]) -> None:
    """Copy each file to its place unless it stands there."""
    with Progress("bookmap: copying", len(steps), "file") as progress:
        for step in steps:
            if step.target and not step.target.exists():
                step.target.parent.mkdir(parents=True, exist_ok=True)
                draft = step.target.with_name(f".{step.target.name[:100]}.draft")
                shutil.copyfile(step.path, draft)
                draft.rename(step.target)
            progress.step()


def tell(steps: Sequence[Step], own: Path, library: Path) -> None:
    """Say what was left out and why, what was added (many are counted), and what comes next."""
    kept = [step for step in steps if step.target]
    for step in steps:
        shown = f"{step.path} {step.detail}; left out" if not step.target else f"{step.detail} -> {step.target}"
        if not step.target or len(kept) <= TOLD:
            print(f"bookmap: {printable(shown)}")
    counts = Counter(step.outcome for step in steps)
    order = {"added": f"added to {own}", "bookmap": "put where the bookmap expects them"}
    words = [
        f"{counts[name]} {order.get(name, name)}" for name in sorted(counts, key=lambda name: (name not in order, name))
    ]
    tiers = Counter(step.row["tier"] for step in steps if step.row)
    if tiers:
        words.append("proposed or asked: " + ", ".join(f"{tiers[tier]} {tier}" for tier in TIERS if tiers[tier]))
    print(f"bookmap: {len(steps)} files: {'; '.join(words)}")
    if kept:
        print(f"bookmap: next: `dvc add {library}`, `dvc repro`")


def printable(text: str) -> str:
    """The text as a terminal can take it: control characters and broken letters escaped."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode() for sign in text)


def own_ids(path: Path) -> set[str]:
    """The ids that own.csv uses, those of rows without a file included."""
    return {row["book_id"] for row in read_table(path, COLUMNS)} if path.exists() else set()
