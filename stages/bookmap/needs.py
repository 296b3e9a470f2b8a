"""What the user still has to bring for a rung: core books by title, and the files of a Gutenberg mirror."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from stages.bookmap.shelf import list_library, match_book
from stages.shared.errors import UserError
from stages.shared.records import Book

MIRROR = "aleph.gutenberg.org::gutenberg-epub"  # one of Project Gutenberg's own, of the files that it generates
ALL = "all"  # the highest rung
NAME = "{id}/pg{id}.epub"  # how such a mirror names an EPUB, without pictures


@dataclass(frozen=True)
class Need:
    """A book that is not here, or not whole: the Gutenberg numbers of its files, () where it has no free edition."""

    book: Book
    numbers: tuple[str, ...]


def rung_of(asked: str, books: Sequence[Book]) -> int:
    """The rung that the command line asks for; raises UserError where the bookmap has no such one."""
    rung = len(books) if asked == ALL else int(asked) if asked.isdecimal() else 0
    if not 1 <= rung <= len(books):
        raise UserError(f"--needs is {asked}; the bookmap has {len(books)} books, give a number from 1 to {len(books)}")
    return rung


def find_needs(books: Sequence[Book], library: Path, rung: int) -> list[Need]:
    """Those of the first `rung` books of the bookmap that are not here."""
    folders = list_library(library)
    needs = []
    for book in books[:rung]:
        match = match_book(book, library, folders)
        if match is None:
            needs.append(Need(book, tuple(filter(None, book.gutenberg_id.split(";")))))
        elif match.wanted:
            needs.append(Need(book, tuple(name.split("/")[1] for name in match.wanted)))
    return needs


def file_names(needs: Sequence[Need], pattern: str) -> list[str]:
    """The names of the missing files on the mirror, each once, in the order of the bookmap."""
    if "{id}" not in pattern or pattern.startswith("/"):
        raise UserError(f"--files is {pattern!r}; write a relative name with {{id}} in it, {NAME} for example")
    return [pattern.replace("{id}", number) for need in needs for number in need.numbers]


def describe_needs(needs: Sequence[Need], rung: int, library: Path) -> Iterator[str]:
    """What is missing for a rung, line by line, and how to bring it."""
    files = sum(len(need.numbers) for need in needs)
    yield f"bookmap: rung {rung}, the first {rung} books of the bookmap: {rung - len(needs)} here, {len(needs)} not"
    if own := [need for need in needs if not need.numbers]:
        yield f"{len(own)} have no free edition; bring each as {library}/user/ID.epub (or .pdf, .txt):"
        yield from (f"  {describe(need.book)}" for need in own)
    if core := [need for need in needs if need.numbers and need.book.tier == "core"]:
        yield f"{len(core)} core books have one at Project Gutenberg:"
        yield from (f"  {describe(need.book)}: {', '.join(need.numbers)}" for need in core)
    if files:
        yield (
            f"{len(needs) - len(own)} books are at Project Gutenberg, in {files} files. "
            "Its policy forbids crawling; a mirror gives them by rsync:"
        )
        yield f"  python -m stages.bookmap --needs {rung} --files > needs.txt"
        yield f"  rsync -rtv --files-from=needs.txt {MIRROR} {library}/pg"
        yield f"  then `dvc add {library}` and `dvc repro`. For names that rsync did not find, once more with"
        yield "  --files '{id}/pg{id}-images-3.epub'; books set in LaTeX are there as PDF only."


def describe(book: Book) -> str:
    """A book in a line."""
    return f"{book.book_id}  {book.title}, {book.author} ({book.language})"
