"""Reading: what cleaning and safety cost beside the bare libraries and markitdown on the same books, in turns.

The books are a fixed sample of those in the folder, drawn once by chance; the rows say how many of how many.

Reads   a folder of EPUBs and PDFs (data/sample/)
Writes  benchmarks/results.json (rows "reading: ...")
Run     python -m benchmarks.reading [--folder FOLDER] [--short]
"""

import argparse
import functools
import hashlib
import importlib
import importlib.metadata
import importlib.util
import io
import json
import posixpath
import random
import statistics
import sys
import time
import zipfile
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import pymupdf
from lxml import etree

from benchmarks import rows
from benchmarks.rows import Figure
from stages.extract.read import Request, load, read_book, read_files, uncollected
from stages.shared.errors import UserError, run
from stages.shared.workers import Limits, Workers, map_items

FOLDER = Path("data/sample")
ROUNDS = 3
SAMPLE = {"epub": 20, "pdf": 6}  # books that are drawn of each format
SHORT = 3  # books of each format in a short measurement
SLOW = 5  # books that markitdown reads, at most: it takes seconds for each
ENOUGH = 100  # books that keep two workers busy to the end; a smaller folder is read several times

PRELOAD = ["stages.extract.epub", "stages.extract.pdf"]

Reader = Callable[[Path], object]


def main() -> None:
    """Measure, print the rows, and write them unless asked to be short."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=FOLDER, help=f"books to read, default {FOLDER}")
    parser.add_argument("--short", action="store_true", help="a few books; results.json stays as it is")
    asked = parser.parse_args()
    found = rows.stamp(measure(asked.folder, SHORT if asked.short else None))
    for row in found:
        print(f"{row.name:36} {row.value:8g} {row.unit:8} {row.goal:6} {row.peer}")
    if not asked.short:
        rows.write(found)


def measure(folder: Path, most: int | None) -> list[Figure]:
    """The figures of a folder of books; a format that it does not hold has none."""
    figures: list[Figure] = []
    for format, bare, goal in (("epub", bare_epub, "<= 3"), ("pdf", bare_pdf, "<= 1.3")):
        books = books_in(folder, format, most)
        if books:
            peer = f"bare {format}, {sample_of(folder, format, books)}"
            bare_seconds, cleaned, ours = in_turns(books, bare, cleaning_of(format), ours_of(format))
            figures.append(Figure(f"reading: {format}, cleaned", ratio(cleaned, bare_seconds), "times", goal, peer))
            told = f"reading: {format}, all that is kept of it"
            figures.append(Figure(told, ratio(ours, bare_seconds), "times", "", peer))
            figures.append(rate(format, books, ours))
    if not figures:
        raise UserError(f"{folder} holds no EPUB and no PDF; name a folder that does with --folder")
    figures += beside_markitdown(books_in(folder, "epub", most)[:SLOW])
    return [*figures, *isolation(folder, most), *second_worker(folder, most), *language(folder, most)]


@functools.cache
def books_in(folder: Path, format: str, most: int | None = None) -> list[Path]:
    """Books of one format below a folder that the bare libraries can read, the same ones on every run, by name.

    At most so many of SAMPLE, or `most`, are drawn by chance from all that are there.
    """
    found = sorted(folder.rglob(f"*.{format}"))
    random.Random(f"reading {format}").shuffle(found)
    return sorted(islice(filter(is_bare, found), most or SAMPLE[format]))


def sample_of(folder: Path, format: str, books: Sequence[Path]) -> str:
    """What was drawn, as the rows tell it.

    Example: "20 of 44 books"
    """
    return f"{len(books)} of {sum(1 for _ in folder.rglob(f'*.{format}'))} books"


def is_bare(path: Path) -> bool:
    """Whether the bare library reads a book at all."""
    try:
        (bare_epub if path.suffix == ".epub" else bare_pdf)(path)
    except Exception:  # broken books are no measure of speed; the libraries raise anything
        return False
    return True


def in_turns(books: Sequence[Path], *readers: Reader) -> list[list[float]]:
    """The least seconds of processor time of each reader for each book, the readers in turns on every book."""
    found: list[list[float]] = [[] for _ in readers]
    for book in books:
        taken = [[timed(reader, book) for reader in readers] for _ in range(ROUNDS)]
        for seconds, column in zip(found, zip(*taken, strict=True), strict=True):
            seconds.append(min(column))
    return found


def timed(reader: Reader, book: Path) -> float:
    """Seconds of processor time that a reader takes for a book."""
    began = time.process_time()
    reader(book)
    return time.process_time() - began


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """The median over the books of our time by theirs."""
    return statistics.median(mine / other for mine, other in zip(ours, theirs, strict=True))


def rate(format: str, books: Sequence[Path], seconds: Sequence[float]) -> Figure:
    """How many megabytes of files we read in a second."""
    megabytes = sum(book.stat().st_size for book in books) / 1e6
    return Figure(f"reading: {format} rate", megabytes / sum(seconds), "MB/s")


def ours_of(format: str) -> Reader:
    """Our whole reading of a book, cleaning included, in this process."""
    return lambda book: read_book(request(book, format))


def cleaning_of(format: str) -> Reader:
    """Our reading of a book into clean paragraphs: in memory, as what the bare libraries give is."""

    def cleaned(book: Path) -> None:
        asked = request(book, format)
        with uncollected():
            read_files(asked, load(asked) or [])

    return cleaned


@functools.cache
def request(book: Path, format: str) -> Request:
    """A book to read, without limits that would reject it; asked for once, since the digest is no part of reading."""
    sha256 = hashlib.sha256(book.read_bytes()).hexdigest()
    return Request(book.stem, (book,), format, sha256, 10_000, 10_000, 0)


def bare_epub(book: Path) -> None:
    """Unpack and parse the documents of the spine, and nothing else."""
    with zipfile.ZipFile(io.BytesIO(book.read_bytes())) as archive:
        root = etree.fromstring(archive.read("META-INF/container.xml")).find(".//{*}rootfile")
        package = str(root.get("full-path")) if root is not None else ""
        tree = etree.fromstring(archive.read(package))
        names = {item.get("id"): item.get("href") for item in tree.iterfind(".//{*}item")}
        for place in tree.iterfind(".//{*}itemref"):
            name = posixpath.join(posixpath.dirname(package), str(names[place.get("idref")]))
            parse(archive.read(posixpath.normpath(name)))


def parse(content: bytes) -> Any:
    """Parse a document, as tag soup where it is not well formed."""
    try:
        return etree.fromstring(content)
    except etree.XMLSyntaxError:
        return etree.fromstring(content, etree.HTMLParser())


def bare_pdf(book: Path) -> None:
    """Take the text of each page as PyMuPDF gives it."""
    with pymupdf.open(book) as document:
        for page in document:
            page.get_text()


def beside_markitdown(books: Sequence[Path]) -> list[Figure]:
    """How many times faster than markitdown we read EPUBs; no figure where it is not installed."""
    if not books:
        return []
    if importlib.util.find_spec("markitdown") is None:
        print("reading: markitdown is not installed, so there is no row about it", file=sys.stderr)
        return []
    peer = f"markitdown {importlib.metadata.version('markitdown')}, {len(books)} books"
    converter = importlib.import_module("markitdown").MarkItDown()
    theirs, ours = in_turns(books, converter.convert, ours_of("epub"))
    return [Figure("reading: epub speed", ratio(theirs, ours), "times", ">= 10", peer)]


def isolation(folder: Path, most: int | None) -> list[Figure]:
    """What a worker process with a pipe adds to reading the same books, in parts of the time in one process."""
    asked = [request(book, format) for format in ("epub", "pdf") for book in books_in(folder, format, most)]
    alone, apart = [], []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        for one in asked:
            read_book(one)
        alone.append(time.perf_counter() - began)
        apart.append(isolated(asked))
    return [Figure("reading: isolation", min(apart) / min(alone), "times", "", "the same process")]


def second_worker(folder: Path, most: int | None) -> list[Figure]:
    """How many times faster two workers read a folder than one, by the clock on the wall, worker's start left out."""
    asked = [request(book, format) for format in ("epub", "pdf") for book in books_in(folder, format, most)]
    asked = asked * (1 if most else max(1, ENOUGH // len(asked)))
    taken = [(isolated(asked, 1), isolated(asked, 2)) for _ in range(ROUNDS)]
    best = [min(seconds) for seconds in zip(*taken, strict=True)]
    return [Figure("reading: workers 1 -> 2", best[0] / best[1], "times", ">= 1.8", "one worker")]


def isolated(asked: Sequence[Request], count: int = 1) -> float:
    """Seconds that workers take for all books but the first few, which wait for the workers' start."""
    workers = Workers(backend="local", count=count, seconds=600.0, memory_mb=0)
    found = map_items(read_book, [*[asked[0]] * count, *asked], Limits(), workers, "isolated", PRELOAD)
    for _ in range(count):
        next(found)
    began = time.perf_counter()
    for _ in found:
        pass
    return time.perf_counter() - began


def language(folder: Path, most: int | None) -> list[Figure]:
    """What telling the language of a text, and its sketch, take of the time of reading it."""
    from stages.shared.language import languages_of
    from stages.shared.sketches import sketch

    @functools.cache
    def body(book: Path) -> str:
        lines = read_book(request(book, book.suffix[1:])).lines.splitlines()
        return "\n".join(json.loads(line)["text"] for line in lines)

    books = [book for format in ("epub", "pdf") for book in books_in(folder, format, most)]
    whole, tongue, marks = in_turns(
        books,
        lambda book: read_book(request(book, book.suffix[1:])),
        lambda book: languages_of(body(book)),
        lambda book: sketch(body(book)),
    )
    parts = {"reading: language": tongue, "reading: sketch": marks}
    return [Figure(name, 100 * sum(one) / sum(whole), "%", "", "of the reading") for name, one in parts.items()]


if __name__ == "__main__":
    run(main)
