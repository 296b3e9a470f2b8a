"""A work as a PDF file with running heads and page numbers, the same bytes on every run."""

import importlib.resources
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pymupdf

from stages.sample.catalogue import Work
from stages.sample.epub import RIGHT_TO_LEFT
from stages.sample.texts import Chapter

WIDTH, HEIGHT = 420, 595  # A5, in points
LEFT, RIGHT, TOP, BOTTOM = 54, WIDTH - 54, 72, HEIGHT - 60
INDENT = 14  # first line of a paragraph, and what of a verse line runs over
SIZES = {"title": 15.0, "heading": 11.5, "text": 10.5, "head": 8.5}
LEADING = 14.0
NUMBER = re.compile(r"\d+(?:[.,:/]\d+)*")
WRITTEN = "D:20000101000000Z"


class Setter:
    """Sets lines on pages of one book."""

    def __init__(self, work: Work) -> None:
        self.document: Any = pymupdf.open()
        self.rtl = work.language in RIGHT_TO_LEFT
        self.font: Any = pymupdf.Font(fontbuffer=hebrew_font()) if self.rtl else pymupdf.Font("tiro")
        self.title = work.head or work.title
        self.widths: dict[str, float] = {}  # of signs, in ems
        self.chapter, self.contents = "", list[list[object]]()
        self.writer: Any = None
        self.y = 0.0

    def width(self, text: str) -> float:
        """Width of a text in ems (kerning aside)."""
        for sign in text:
            if sign not in self.widths:
                self.widths[sign] = self.font.glyph_advance(ord(sign))
        return sum(self.widths[sign] for sign in text)

    def open_page(self) -> None:
        """Begin a page: title or chapter on top, its number below."""
        self.close_page()
        page = self.document.new_page(width=WIDTH, height=HEIGHT)
        self.writer = pymupdf.TextWriter(page.rect)
        number = self.document.page_count
        # The number first: readers guess the direction of a line that begins with a full stop from the line before.
        self.put(str(number), (WIDTH - self.width(str(number)) * SIZES["head"]) / 2, HEIGHT - 34, "head", False)
        self.put_centred(self.title if number % 2 == 0 else self.chapter, 44, "head")
        self.y = TOP

    def close_page(self) -> None:
        """Write what was set on the open page."""
        if self.writer is not None:
            self.writer.write_text(self.document[-1])
            self.writer = None

    def put(self, text: str, x: float, y: float, size: str, rtl: bool) -> None:
        """Set one line with its left end at `x`; numbers run to the right in every script."""
        if rtl:  # all of it is turned round, but Latin letters and figures
            text = NUMBER.sub(lambda found: found[0] if found[0].isascii() else found[0][::-1], text)
        self.writer.append((x, y), text, font=self.font, fontsize=SIZES[size], right_to_left=rtl)

    def put_centred(self, text: str, y: float, size: str) -> None:
        """Set one line in the middle, cut where it is wider than the page."""
        room = (RIGHT - LEFT) / SIZES[size]
        line = next(self.fold(text, room, room), "")
        self.put(line, (WIDTH - self.width(line) * SIZES[size]) / 2, y, size, self.rtl)

    def fold(self, text: str, first: float, other: float) -> Iterator[str]:
        """Break a text into lines, the first at most `first` ems wide, the others `other`."""
        line, used, room, space = "", 0.0, first, self.width(" ")
        for word in text.split():
            needed = self.width(word)
            if line and used + space + needed > room:
                yield line
                line, used, room = "", 0.0, other
            line, used = (f"{line} {word}", used + space + needed) if line else (word, needed)
        if line:
            yield line

    def set_lines(self, text: str, size: str, first: float, other: float) -> None:
        """Set a text on as many lines as it takes; `first` and `other` are indents in points."""
        points, room = SIZES[size], RIGHT - LEFT
        indent = first
        for line in self.fold(text, (room - first) / points, (room - other) / points):
            if self.y > BOTTOM:
                self.open_page()
            x = RIGHT - indent - self.width(line) * points if self.rtl else LEFT + indent
            self.put(line, x, self.y, size, self.rtl)
            self.y += LEADING
            indent = other

    def set_chapter(self, chapter: Chapter) -> None:
        """Set a chapter from a new page on."""
        self.chapter = chapter.title
        self.open_page()
        self.contents.append([1, chapter.title, self.document.page_count])
        self.y += 2 * LEADING
        room = (RIGHT - LEFT) / SIZES["title"]
        for line in self.fold(chapter.title, room, room):
            self.put_centred(line, self.y, "title")
            self.y += 1.5 * LEADING
        self.y += LEADING
        for block in chapter.blocks:
            if block.kind == "heading":
                self.y += LEADING
                self.set_lines(block.text, "heading", 0, 0)
                self.y += 0.5 * LEADING
            elif block.kind == "verse":
                for line in block.text.split("\n"):
                    self.set_lines(line, "text", INDENT, 3 * INDENT)
                self.y += 0.6 * LEADING
            else:
                self.set_lines(block.text, "text", INDENT, 0)


def write_pdf(work: Work, chapters: Sequence[Chapter], path: Path) -> None:
    """Write a work as a PDF whose text can be extracted again.

    Raises ValueError naming the signs that the font lacks.
    """
    setter = Setter(work)
    signs = {sign for chapter in chapters for block in chapter.blocks for sign in chapter.title + block.text}
    if missing := sorted(sign for sign in signs - {"\n"} if not setter.font.has_glyph(ord(sign))):
        raise ValueError(f"the font has no {' '.join(missing)}")
    for chapter in chapters:
        setter.set_chapter(chapter)
    setter.close_page()
    document = setter.document
    document.set_toc(setter.contents)
    document.set_metadata(
        {
            "title": work.title,
            "author": work.author,
            "subject": work.rights,
            "creationDate": WRITTEN,
            "modDate": WRITTEN,
        }
    )
    document.set_language(work.language)
    document.subset_fonts()
    path.write_bytes(document.tobytes(garbage=3, deflate=True, no_new_id=True))


def hebrew_font() -> bytes:
    """DejaVu Sans (free licence), which matplotlib carries; PyMuPDF has no Hebrew letters of its own."""
    font = importlib.resources.files("matplotlib") / "mpl-data" / "fonts" / "ttf" / "DejaVuSans.ttf"
    return font.read_bytes()
