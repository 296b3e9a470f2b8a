"""A work as an EPUB 3 file, the same bytes on every run."""

import html
import io
import zipfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from ebooklib import epub

from stages.sample.catalogue import Work
from stages.sample.texts import Block, Chapter

RIGHT_TO_LEFT = {"ar", "arc", "fa", "he", "ur", "yi"}
WRITTEN = datetime(2000, 1, 1, tzinfo=UTC)  # any fixed time: the clock must not enter the file
ZIP_DATE = (1980, 1, 1, 0, 0, 0)
STYLE = "body { line-height: 1.4 } .verse { margin-left: 1.5em }\n"


def write_epub(work: Work, chapters: Sequence[Chapter], path: Path) -> None:
    """Write a work with a document per chapter, a table of contents and its direction of writing."""
    direction = "rtl" if work.language in RIGHT_TO_LEFT else "ltr"
    book = epub.EpubBook()
    book.set_identifier(f"urn:ltm:{work.book_id}")
    book.set_title(work.title)
    book.set_language(work.language)
    book.set_direction(direction)
    book.add_author(work.author)
    if work.dates.isdigit():
        book.add_metadata("DC", "date", work.dates)
    book.add_metadata("DC", "rights", work.rights)
    style = epub.EpubItem("style", "style.css", "text/css", STYLE)
    pages = [document(number, chapter, work.language, direction) for number, chapter in enumerate(chapters, 1)]
    for page in pages:
        page.add_item(style)
    for item in [style, *pages, epub.EpubNcx(), epub.EpubNav(direction=direction)]:
        book.add_item(item)
    book.toc, book.spine = pages, ["nav", *pages]
    written = io.BytesIO()
    epub.write_epub(written, book, {"mtime": WRITTEN, "raise_exceptions": True})
    path.write_bytes(undated(written.getvalue()))


def document(number: int, chapter: Chapter, language: str, direction: str) -> epub.EpubHtml:
    """One chapter as an XHTML document."""
    name = f"chapter-{number:03d}"
    page = epub.EpubHtml(name, f"{name}.xhtml", title=chapter.title, lang=language, direction=direction)
    page.content = f"<h1>{html.escape(chapter.title)}</h1>\n" + "\n".join(map(element, chapter.blocks))
    return page


def element(block: Block) -> str:
    """One block as an element."""
    text = html.escape(block.text, quote=False)
    if block.kind == "heading":
        return f"<h2>{text}</h2>"
    if block.kind == "verse":
        return '<p class="verse">' + text.replace("\n", "<br/>\n") + "</p>"
    return f"<p>{text}</p>"


def undated(data: bytes) -> bytes:
    """The same zip archive with one fixed date on all entries; the first stays uncompressed."""
    written = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as source, zipfile.ZipFile(written, "w") as target:
        for entry in source.infolist():
            plain = zipfile.ZipInfo(entry.filename, ZIP_DATE)
            plain.compress_type = entry.compress_type
            plain.external_attr = 0o644 << 16
            target.writestr(plain, source.read(entry))
    return written.getvalue()
