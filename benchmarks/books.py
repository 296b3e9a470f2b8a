"""Books for the benchmark of a large library: passages of the embedded library's books, joined anew.

Each file is another book of one language, with a title and an author of its own, and the same on every run.
"""

import functools
import math
import random
import re
from pathlib import Path

from benchmarks.material import need
from stages.sample.catalogue import Work
from stages.sample.epub import write_epub
from stages.sample.pdf import write_pdf
from stages.sample.texts import Block, Chapter
from stages.shared.records import Paragraph, ShelfBook, read_csv, read_paragraphs

SHELF, TEXTS = Path("data/shelf.csv"), Path("data/extract")
SIZES = (30_000, 150_000)  # bytes of text of a book, each size as likely in the logarithm
RUN = (10, 40)  # paragraphs that follow each other in a chapter
LONGEST = 20_000  # bytes of a paragraph that is taken
FORMATS = "pdf epub txt epub epub epub epub epub epub txt".split()  # of every ten books
LATIN = {"en", "fr", "la"}  # languages of PDFs and of texts with Gutenberg's header
NAMES = {"en": "English", "fr": "French", "la": "Latin"}
SYLLABLES = "ba ce di fo gu ha je ki lo mu na pe ri so tu va we xi yo zu".split()
STRANGE = re.compile(r"[^\x20-\x7e\xa0-\xff\n]")  # signs that the font of PDFs may lack

Shelf = dict[str, list[list[Paragraph]]]  # language -> books -> paragraphs


@functools.cache
def sources() -> Shelf:
    """The prose and verse of the embedded library by language."""
    need(TEXTS / "accounts.csv", "extract")
    found: Shelf = {}
    for book in read_csv(SHELF, ShelfBook):
        path = TEXTS / f"{book.book_id}.jsonl"
        if book.source == "sample" and path.exists():
            body = [one for one in read_paragraphs(path) if one.kind != "note" and len(one.text) < LONGEST]
            found.setdefault(book.language, []).append(body)
    return found


def author_of(number: int) -> str:
    """The author of a book, another one for each number.

    Example: 123 -> "Bace Guki"
    """
    places = [number // len(SYLLABLES) ** power % len(SYLLABLES) for power in range(4)]
    first, second, third, fourth = (SYLLABLES[place] for place in places)
    return f"{(third + fourth).title()} {(first + second).title()}son"


def chapters_of(chance: random.Random, books: list[list[Paragraph]]) -> list[Chapter]:
    """Chapters out of runs of paragraphs of a language's books, up to a size that chance gives."""
    low, high = map(math.log, SIZES)
    left, chapters = math.exp(chance.uniform(low, high)), list[Chapter]()
    while left > 0:
        chapter = Chapter(f"Chapter {len(chapters) + 1}")
        source, length = chance.choice(books), chance.randint(*RUN)
        start = chance.randrange(max(1, len(source) - length))
        for one in source[start : start + length]:
            chapter.add(one.kind, one.text)
            left -= len(one.text.encode())
        chapters.append(chapter)
    return chapters


def write_book(folder: Path, number: int) -> Path:
    """Write book `number` into a folder; returns its path."""
    chance = random.Random(f"book {number}")
    format = FORMATS[number % len(FORMATS)]
    languages = [name for name, books in sources().items() for _ in books if format == "epub" or name in LATIN]
    language = chance.choice(languages)
    chapters, author = chapters_of(chance, sources()[language]), author_of(number)
    facts = {"title": f"The Papers of {author}", "author": author, "dates": "1900", "tier": "fractal"}
    more = {"category": "own", "essence": "", "package": "", "paths": (), "book_id": "sample-000"}
    work = Work.model_validate(facts | more | {"language": language, "format": "pdf" if format == "pdf" else "epub"})
    path = folder / f"{name_of(number)}.{format}"
    draft = path.with_suffix(".draft")
    WRITERS[format](work, chapters, draft)
    return draft.replace(path)


def name_of(number: int) -> str:
    """The name of the file of a book, without its suffix."""
    return f"{number:05d}"


def write_latin_pdf(work: Work, chapters: list[Chapter], path: Path) -> None:
    """Write a PDF; signs that its font may lack become question marks."""
    plain = [Chapter(one.title, [Block(b.kind, STRANGE.sub("?", b.text)) for b in one.blocks]) for one in chapters]
    write_pdf(work, plain, path)


def write_text(work: Work, chapters: list[Chapter], path: Path) -> None:
    """Write a plain text with the header by which Project Gutenberg names title, author and language."""
    head = f"Title: {work.title}\n\nAuthor: {work.author}\n\nLanguage: {NAMES[work.language]}\n"
    parts = [head, *(part for one in chapters for part in (one.title, *(block.text for block in one.blocks)))]
    path.write_text("\n\n\n".join(parts), encoding="utf-8")


WRITERS = {"epub": write_epub, "pdf": write_latin_pdf, "txt": write_text}
