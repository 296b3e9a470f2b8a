"""PDF -> lines with their place on the page, by PyMuPDF; `layout` makes paragraphs of them."""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pymupdf

from stages.extract import direction, layout, vertical
from stages.extract.blocks import Reading, Rejected
from stages.extract.clean import clean_characters, one_line
from stages.extract.lines import Line, Page

FLAGS = pymupdf.TEXT_PRESERVE_WHITESPACE | pymupdf.TEXT_MEDIABOX_CLIP | pymupdf.TEXT_CID_FOR_UNKNOWN_UNICODE
SUPERSCRIPT, BOLD = 1, 16  # bits of a span's flags
NOTE_NUMBER = re.compile(r"[\[(]?(?:\d{1,3}|[*†‡§]{1,3}|[a-z])[\])]?")
WORD_END = re.compile(r"[^\W\d_]{3,}[.,;:!?\"'”’)\]]*$")
ACCENTS = {"¨": "\u0308", "´": "\u0301", "ˆ": "\u0302", "˜": "\u0303", "ˇ": "\u030c", "˚": "\u030a", "¯": "\u0304"}
ACCENT = re.compile(f"([{''.join(ACCENTS)}])([A-Za-zı])")
TWICE = re.compile("([\u0900-\u0dff])\\1")  # of the scripts of India
LEAST_CHARACTERS = 8  # a page with fewer has no text layer
LEAST_TEXT_PAGES = 0.1  # share of pages that need a text layer for the file to be a text
BAD_SHARE = 0.05  # share of characters without a Unicode value beyond which a text layer is noise


Span = dict[str, Any]  # a run of characters of one font, as MuPDF has it


def read(content: bytes) -> Reading:
    """Read a PDF from its bytes; raises Rejected."""
    pymupdf.TOOLS.mupdf_display_errors(False)
    pymupdf.TOOLS.mupdf_display_warnings(False)
    try:
        document = pymupdf.open(stream=content, filetype="pdf")
    except (pymupdf.FileDataError, pymupdf.EmptyFileError, ValueError, RuntimeError) as error:
        raise Rejected(f"not a readable PDF ({' '.join(str(error).split())})") from None
    with document:
        if document.needs_pass:
            raise Rejected("encrypted; remove the password and add it again")
        pages = list(pages_of(document, count_pages(document)))
    return Reading(layout.blocks_of(pages), remark_of(pages))


def remark_of(pages: list[Page]) -> str:
    """Say how many pages have no text layer; raises Rejected where (nearly) all have none, or its letters are noise."""
    if not pages:
        raise Rejected("a PDF without pages")
    empty = sum(sum(len(line.text) for line in page.lines) < LEAST_CHARACTERS for page in pages)
    if len(pages) - empty < max(1, LEAST_TEXT_PAGES * len(pages)):
        raise Rejected(f"needs OCR: {empty} pages without a text layer")
    text = "".join(line.text for page in pages for line in page.lines)
    if text.count("\ufffd") > BAD_SHARE * len(text):
        raise Rejected(f"needs OCR: its text layer is unreadable on {len(pages)} pages")
    pictures = sum(page.has_image for page in pages if sum(len(line.text) for line in page.lines) < LEAST_CHARACTERS)
    return f"{pictures} of {len(pages)} pages without a text layer (OCR)" if pictures else ""


def count_pages(document: Any) -> int:
    """The pages that a document says it has; raises Rejected where that makes no sense."""
    try:
        return len(document)
    except (RuntimeError, ValueError, pymupdf.mupdf.FzErrorBase) as error:
        raise Rejected(f"not a readable PDF ({' '.join(str(error).split())})") from None


def pages_of(document: Any, count: int) -> Iterator[Page]:
    """The first `count` pages of a document; one that is not there or cannot be read counts as empty."""
    for number in range(count):
        try:
            page = document[number]
            told = page.get_textpage(flags=FLAGS)  # page.get_text asks much more
            found = told.extractDICT(cb=page.cropbox)
            pieces, height = list(lines_in(found["blocks"])), found["height"]
            text = "".join([span["text"] for piece in pieces for span in piece["spans"]])
            if not text.isascii() and direction.RIGHT_TO_LEFT.search(text):
                pieces = direction.in_reading_order(told.extractRAWDICT(cb=page.cropbox)["blocks"])
            elif not text.isascii() and vertical.is_vertical(pieces):
                pieces, height = vertical.turned(pieces, found["width"], height), found["width"]
            lines = lines_of(pieces)
            has_image = not lines and bool(page.get_images())
        except (RuntimeError, ValueError, IndexError, pymupdf.mupdf.FzErrorBase) as error:
            if "malloc" in str(error) or "memory" in str(error):
                raise MemoryError(str(error)) from error
            yield Page(number + 1, 0.0, [], True)
            continue
        yield Page(number + 1, height, lines, has_image)


def lines_in(blocks: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The lines of all blocks of a page, as MuPDF has them; pictures have none."""
    for block in blocks:
        yield from block.get("lines", ())


def lines_of(pieces: Iterable[dict[str, Any]]) -> list[Line]:
    """The lines of a page; pieces that stand side by side are joined, since MuPDF cuts lines at wide spaces."""
    lines: list[Line] = []
    for piece in pieces:
        line = line_of(piece)
        if line is None:
            continue
        if lines and beside(lines[-1], line):
            lines[-1] = join(lines[-1], line)
        else:
            lines.append(line)
    return lines


def line_of(piece: dict[str, Any]) -> Line | None:
    """A line as MuPDF has it, clean; None where it is empty or rotated (stamps, axes) against its page."""
    if piece["wmode"] == 0 and abs(piece["dir"][0] - 1) > 0.05:
        return None
    spans, (x0, y0, x1, y1) = piece["spans"], piece["bbox"]
    if len(spans) == 1 and not spans[0]["flags"] & SUPERSCRIPT:
        text, size, bold = clean_line(spans[0]["text"]), spans[0]["size"], spans[0]["flags"] & BOLD != 0
        return Line(text, x0, y0, x1, y1, size, bold) if text else None
    if any([span["flags"] & SUPERSCRIPT for span in spans]):
        spans = without_note_numbers(spans)
    text = clean_line("".join([span["text"] for span in spans]))
    return Line(text, x0, y0, x1, y1, *type_of(spans)) if text else None


def clean_line(text: str) -> str:
    """The clean text of a line; most are ASCII without controls, which need next to nothing."""
    if text.isascii():
        return one_line(text if text.isprintable() else clean_characters(text))
    return one_line(clean_characters(with_accents(text)))


def type_of(spans: Sequence[Span]) -> tuple[float, bool]:
    """The size of the longest of the spans of a line with text, and whether all are bold."""
    types = {(span["size"], span["flags"] & BOLD != 0) for span in spans}
    if len(types) == 1:
        return types.pop()
    largest = max(spans, key=lambda span: len(span["text"].strip()))
    return largest["size"], all(span["flags"] & BOLD for span in spans if span["text"].strip())


def with_accents(text: str) -> str:
    """Put accents that stand before their letter, as TeX's old fonts have them, on it; take out vowel signs told twice.

    Browsers tell a vowel sign of an Indian script with the glyph of its consonant and again by itself.
    Example: "¨uber" -> "über"
    """
    text = TWICE.sub(lambda found: found[1] if unicodedata.category(found[1])[0] == "M" else found[0], text)
    return ACCENT.sub(lambda found: unicodedata.normalize("NFC", found[2] + ACCENTS[found[1]]), text)


def without_note_numbers(spans: Sequence[Span]) -> list[Span]:
    """The spans of a line without raised numbers behind words: the marks of notes (exponents stay)."""
    kept: list[Span] = []
    for span in spans:
        if span["flags"] & SUPERSCRIPT and NOTE_NUMBER.fullmatch(span["text"].strip()):
            before = "".join([item["text"] for item in kept])
            if WORD_END.search(before):
                continue
            if not before:
                span = {**span, "text": f"{span['text']} "}
        kept.append(span)
    return kept


def beside(left: Line, right: Line) -> bool:
    """Whether two pieces overlap in height and follow each other closely."""
    if right.y0 > left.y1:  # most begin below the one before
        return False
    overlap = min(left.y1, right.y1) - max(left.y0, right.y0)
    if overlap < 0.5 * min(left.y1 - left.y0, right.y1 - right.y0):
        return False
    leftwards = right.rtl or (left.rtl and not any(map(str.isalpha, right.text)))
    gap = left.x0 - right.x1 if leftwards else right.x0 - left.x1
    return -0.5 * left.size <= gap <= 4 * left.size


def join(left: Line, right: Line) -> Line:
    """One line of two pieces."""
    longer = left if len(left.text) >= len(right.text) else right
    return Line(
        f"{left.text} {right.text}",
        min(left.x0, right.x0),
        min(left.y0, right.y0),
        max(left.x1, right.x1),
        max(left.y1, right.y1),
        longer.size,
        left.bold and right.bold,
    )
